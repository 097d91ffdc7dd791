import { createHash, timingSafeEqual } from "node:crypto";
import type { AdminToken } from "@drayage/config";

/** Who may ask. Without tokens the server listens on loopback only (the configuration refuses anything else), and whoever is there may read. */
export interface Gate {
  readonly tokens: ReadonlyArray<AdminToken>;
}

/** Why not, in words; undefined: go on. Every role may read. Constant time in the token. */
export const authorize = (gate: Gate, header: string | undefined): string | undefined => {
  if (gate.tokens.length === 0) return undefined;
  const token = /^Bearer (.+)$/i.exec(header ?? "")?.[1];
  if (token === undefined) return "send Authorization: Bearer <token>";
  const hash = createHash("sha256").update(token).digest();
  // All are compared, so that the time tells nothing of which one matched.
  const matches = gate.tokens.filter((known) =>
    timingSafeEqual(hash, Buffer.from(known.hash.replace(/^sha256:/, ""), "hex")),
  );
  return matches.length > 0 ? undefined : "the token is not known";
};
