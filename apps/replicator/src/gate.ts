import type { Outcome } from "@drayage/delivery";
import type { WorkItem, WorkPolicy } from "@drayage/domain";
import type { Registry, Resolved } from "@drayage/oci-core";
import type { SignatureRule } from "@drayage/oci-core/model";
import { makeVerifier, type SignatureVerifier } from "@drayage/signatures";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import { onSource, ReplicateError } from "./failure.ts";
import { outcomes } from "./outcome.ts";

/**
 * How long an unsigned image waits until it is looked at without any news. Its signature is usually told; this is for registries that tell nothing.
 * Half of it to all of it, so that a thousand images that were pushed together do not ask together.
 */
const LOOK_AGAIN_MS = 10 * 60_000;

/** The verifier of a rule. Rules come with routes, from our configuration or with the work. */
export type VerifierOf = (rule: SignatureRule) => Effect.Effect<SignatureVerifier>;

/** Rules that are kept at once: configurations have a handful, and what a verifier knows (a trust root) can be had again. */
const RULES_MAX = 100;

/** One verifier for each rule, so that a trust root is fetched once. `cacheDirectory` as `makeVerifier`. */
export const makeVerifiers = (cacheDirectory: string): VerifierOf => {
  const made = new Map<string, SignatureVerifier>();
  return (rule) =>
    Effect.suspend(() => {
      const key = JSON.stringify(rule);
      const known = made.get(key);
      if (known !== undefined) return Effect.succeed(known);
      if (made.size >= RULES_MAX) made.clear();
      return Effect.tap(makeVerifier(rule, cacheDirectory), (verifier) => Effect.sync(() => made.set(key, verifier)));
    });
};

/** Whether the image may be copied, by exactly the digest that will be. An outcome: it waits for its signature. */
export const passGate = Effect.fnUntraced(function* (
  verifierOf: VerifierOf | undefined,
  item: WorkItem,
  route: WorkPolicy,
  source: Registry,
  { digest }: Resolved,
): Effect.fn.Return<Outcome | undefined, ReplicateError> {
  if (route.require === undefined) return undefined;
  if (verifierOf === undefined) return yield* trustUnavailable(item, "nobody here can verify signatures");
  const verifier = yield* verifierOf(route.require.signature);
  const verdict = yield* verifier.verify(source, item.source.repository, digest).pipe(
    Effect.catchTags({
      RegistryError: (error) => onSource(Effect.fail(error)),
      TrustError: ({ message }) => trustUnavailable(item, message),
    }),
  );
  if (verdict._tag === "Signed") return undefined;
  const wait = LOOK_AGAIN_MS * (0.5 + (yield* Random.next) / 2);
  const at = new Date((yield* Clock.currentTimeMillis) + wait);
  return outcomes(item).waiting(digest, verdict.detail, at);
});

const trustUnavailable = (item: WorkItem, detail: string): Effect.Effect<never, ReplicateError> =>
  Effect.fail(
    new ReplicateError({
      failure: {
        side: "drayage",
        operation: `verify the signature of ${item.source.registry}/${item.source.repository}:${item.source.tag}`,
        reason: "trust-unavailable",
        detail,
        retryable: true,
      },
    }),
  );
