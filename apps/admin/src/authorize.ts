import { createHash, timingSafeEqual } from "node:crypto";
import type { AdminToken } from "@drayage/config";

/** Who may ask. Without tokens the server listens on loopback only (the configuration refuses anything else), and whoever is there may read. */
export interface Gate {
  readonly tokens: ReadonlyArray<AdminToken>;
}

/** Who asks, and what that person may do. */
export interface Caller {
  /** Name of the token; `local` without tokens. */
  readonly name: string;
  readonly mayAct: boolean;
}

/** Without tokens whoever is on this machine could stop us anyway. */
const LOCAL: Caller = { name: "local", mayAct: true };

/** Who it is, or why not, in words. Every role may read, operators and admins may act. Constant time in the token. */
export const authorize = (gate: Gate, header: string | undefined): Caller | string => {
  if (gate.tokens.length === 0) return LOCAL;
  const token = /^Bearer (.+)$/i.exec(header ?? "")?.[1];
  if (token === undefined) return "send Authorization: Bearer <token>";
  const hash = createHash("sha256").update(token).digest();
  // All are compared, so that the time tells nothing of which one matched.
  const matches = gate.tokens.filter((known) =>
    timingSafeEqual(hash, Buffer.from(known.hash.replace(/^sha256:/, ""), "hex")),
  );
  const [known] = matches;
  return known === undefined ? "the token is not known" : { name: known.name, mayAct: known.role !== "viewer" };
};
