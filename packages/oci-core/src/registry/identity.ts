import { createHash } from "node:crypto";
import * as Redacted from "effect/Redacted";
import type { RegistryAuth } from "./adapter.ts";

const keys = new WeakMap<RegistryAuth, string>();

/** A key under which tokens of an identity are kept: changes with the password, and does not hold it. */
export const identityKey = (auth: RegistryAuth): string => {
  const known = keys.get(auth);
  if (known !== undefined) return known;
  const key = `${auth._tag}:${createHash("sha256").update(secretOf(auth)).digest("hex")}`;
  keys.set(auth, key);
  return key;
};

const secretOf = (auth: RegistryAuth): string => {
  switch (auth._tag) {
    case "Anonymous":
      return "";
    case "Basic":
      return JSON.stringify([auth.username, Redacted.value(auth.password)]);
    case "Bearer":
      return Redacted.value(auth.token);
    case "Header":
      return JSON.stringify([auth.header, Redacted.value(auth.key)]);
  }
};

/** User name by which Docker's credential store marks a password that is an identity (refresh) token. */
export const IDENTITY_TOKEN_USER = "<token>";

/** The header of its own that a key is sent in; none for every other identity. */
export const keyHeader = (auth: RegistryAuth): Readonly<Record<string, string>> =>
  auth._tag === "Header" ? { [auth.header]: Redacted.value(auth.key) } : {};

/** The `Authorization` header that proves the identity directly, without a token; `undefined` where it has none. */
export const directHeader = (auth: RegistryAuth): string | undefined => {
  switch (auth._tag) {
    case "Anonymous":
    case "Header":
      return undefined;
    case "Basic":
      return `Basic ${Buffer.from(`${auth.username}:${Redacted.value(auth.password)}`).toString("base64")}`;
    case "Bearer":
      return `Bearer ${Redacted.value(auth.token)}`;
  }
};
