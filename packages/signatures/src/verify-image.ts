import type { Registry, RegistryError } from "@drayage/oci-core";
import type { Digest, RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { check } from "./check.ts";
import { findCandidates } from "./find.ts";
import { REASONS_MAX } from "./limits.ts";
import type { SignatureRule, TrustError, Verdict } from "./rule.ts";
import { trustOf } from "./trust.ts";

/** Says of images whether they are signed as one rule asks. */
export interface SignatureVerifier {
  /** Looks at what the registry has now, by digest: the answer is true of exactly these bytes. */
  readonly verify: (
    registry: Registry,
    repository: RepositoryName,
    digest: Digest,
  ) => Effect.Effect<Verdict, RegistryError | TrustError>;
}

/**
 * Makes the verifier of one rule. `cacheDirectory`: where TUF keeps what it has verified. Asks for nothing until it is used.
 *
 * @example
 * const verifier = yield* makeVerifier({ _tag: "PublicKey", files: ["/etc/drayage/cosign.pub"] }, "/var/lib/drayage/tuf");
 * const verdict = yield* verifier.verify(registry, repository, digest);
 */
export const makeVerifier = (rule: SignatureRule, cacheDirectory: string): Effect.Effect<SignatureVerifier> =>
  Effect.map(trustOf(rule, cacheDirectory), (trust) => ({
    verify: Effect.fnUntraced(function* (registry, repository, digest) {
      const believed = yield* trust;
      const candidates = yield* findCandidates(registry, repository, digest);
      const reasons: Array<string> = [];
      for (const candidate of candidates) {
        const checked = check(candidate, digest, believed);
        if (checked._tag === "Valid") return { _tag: "Signed", by: checked.by } satisfies Verdict as Verdict;
        reasons.push(checked.why);
      }
      return { _tag: "Unsigned", detail: unsigned(reasons) } satisfies Verdict as Verdict;
    }),
  }));

const unsigned = (reasons: ReadonlyArray<string>): string => {
  if (reasons.length === 0) return "there is no signature yet";
  const told = [...new Set(reasons)];
  const more = told.length > REASONS_MAX ? "; …" : "";
  return `of ${reasons.length} ${reasons.length === 1 ? "signature" : "signatures"} none counts: ${told.slice(0, REASONS_MAX).join("; ")}${more}`;
};
