import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { describe, expect } from "vitest";
import { type FaultAction, multiPlatform, pushImage, signatureFor } from "../testing/index.ts";
import { CopyError } from "./errors.ts";
import { startBoth } from "./strict-sides.test-support.ts";

describe("one fault at each request in turn", () => {
  const actions: ReadonlyArray<FaultAction> = [
    { kind: "reset" },
    { kind: "reset", when: "after" },
    { kind: "status", status: 500 },
    { kind: "status", status: 404 },
    { kind: "status", status: 403 },
    { kind: "wrongBytes" },
    { kind: "wrongDigestHeader" },
    { kind: "html200" },
    { kind: "resetMidBody", afterBytes: 100 },
  ];
  const fixture = multiPlatform({ seed: "faulty", layers: [2000, 3000], layerSeeds: ["base", "top"] });
  const signature = signatureFor(fixture);

  // Known to have the referrers API, as a registry is whose adapter says so: then a 404 of it is a fault and no answer.
  const traits = { referrers: "api" } as const;

  /**
   * One copy between fresh registries with a fault at the nth request of a side; answers how many requests that side
   * saw.
   */
  const copyWithFault = Effect.fnUntraced(function* (struck: "source" | "target", nth: number, action: FaultAction) {
    const { source, target, copier, request, forget } = yield* startBoth({ source: { traits }, target: { traits } });
    yield* pushImage(source.server.url, "team/app", "1", fixture);
    yield* pushImage(source.server.url, "team/app", undefined, signature);
    forget();
    const side = struck === "source" ? source : target;
    side.server.faults.add({ match: { nth }, action });
    const half: Array<unknown> = [];
    target.server.onChange(() => void half.push(...target.server.danglingReferences()));
    const exit = yield* Effect.exit(copier.copy(request()));
    expect(half).toEqual([]);
    const where = `${struck} request ${nth}`;
    if (Exit.isSuccess(exit)) {
      expect(target.server.manifest("team/app", "1")?.digest, where).toBe(fixture.digest);
      expect(target.server.manifest("team/app", signature.digest), where).toBeDefined();
    } else {
      const [reason] = exit.cause.reasons;
      expect(reason?._tag === "Fail" ? reason.error : reason, where).toBeInstanceOf(CopyError);
    }
    expect(target.server.danglingReferences(), where).toEqual([]);
    return side.server.requests.total();
  }, Effect.scoped);

  it.live.each(actions.map((action) => [JSON.stringify(action), action] as const))(
    "%s: the copy ends right or with a typed error, and the target never shows a half image",
    ([, action]) =>
      Effect.gen(function* () {
        for (const struck of ["source", "target"] as const) {
          const requests = yield* copyWithFault(struck, Number.POSITIVE_INFINITY, action);
          expect(requests).toBeGreaterThan(10);
          const each = Array.from({ length: requests }, (_, n) => n + 1);
          // At once, since most of the time is the client waiting before it tries again.
          yield* Effect.forEach(each, (nth) => copyWithFault(struck, nth, action), { concurrency: 8, discard: true });
        }
      }),
    60_000,
  );
});
