import type { RegistryError } from "@drayage/oci-core";
import { TOKEN_CALL } from "./api.ts";

/**
 * Whether a token was refused before its time: 401, and 403 in the words for one that ran out (which status it has is not documented,
 * facts/ecr.md 4.7), which an answer to HEAD cannot have.
 */
export const refusesToken = (error: RegistryError): boolean =>
  error.operation !== TOKEN_CALL &&
  (error.reason === "unauthorized" ||
    isWordless(error) ||
    (error.reason === "denied" && /authorization token has expired/i.test(error.detail)));

/** It may as well mean rights that are missing. */
export const isWordless = ({ reason, code, operation }: RegistryError): boolean =>
  reason === "denied" && code === undefined && operation.startsWith("HEAD ");
