import { RegistryError, type RegistryReason } from "../registry/errors.ts";
import { failure, type Place } from "../registry/failure.ts";
import { NoLayout } from "./index-file.ts";

const BY_CODE: Readonly<Record<string, RegistryReason>> = {
  ENOENT: "not-found",
  ENOTDIR: "invalid-request",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
};

/** What a file system throws, as the error that a registry would give: a full disk may have room later. */
export const layoutFailure = (place: Place, cause: unknown): RegistryError => {
  if (cause instanceof RegistryError) return cause;
  if (cause instanceof NoLayout) return failure(place, "repository-unknown", cause.message, { cause });
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const detail = cause instanceof Error ? cause.message : String(cause);
  return failure(place, BY_CODE[code] ?? "unavailable", detail, { cause });
};
