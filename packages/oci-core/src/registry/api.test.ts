import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { json } from "../testing/answer.ts";
import { startStrictRegistry } from "../testing/index.ts";
import { openApi } from "./api.ts";
import { sharedPace } from "./shared-pace.ts";

const call = (answers: () => number, quota?: { name: string; requestsPerSecond: number }) =>
  Effect.gen(function* () {
    const server = yield* startStrictRegistry({ intercept: () => Promise.resolve(json(answers(), {})) });
    const api = yield* openApi({ name: "vendor", url: server.url, auth: [], quota });
    return api.call({
      operation: "POST thing",
      reference: "thing",
      method: "POST",
      path: "things",
      read: () => true,
    });
  });

describe("an API that shares a quota", () => {
  it("slows the others of the quota down when it is throttled, and nobody else", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const pace = yield* sharedPace("api quota", 100);
          const other = yield* sharedPace("another quota", 100);
          const request = yield* call(() => 429, { name: "api quota", requestsPerSecond: 100 });
          expect(yield* Effect.flip(request)).toMatchObject({ reason: "rate-limited" });
          expect(pace.rate).toBeLessThan(100);
          expect(other.rate).toBe(100);
        }),
      ),
    ));

  it("takes its turn like every request of the quota", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const pace = yield* sharedPace("api quota", 1000);
          const request = yield* call(() => 200, { name: "api quota", requestsPerSecond: 1000 });
          pace.throttled(performance.now(), 300);
          const since = performance.now();
          expect(yield* request).toBe(true);
          expect(performance.now() - since).toBeGreaterThan(150);
        }),
      ),
    ));
});
