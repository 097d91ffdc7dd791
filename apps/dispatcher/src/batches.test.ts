import { Database } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { append, compiled, expectDeliveries, pushed, route, test } from "./dispatcher.test-support.ts";
import { dispatchRoutes } from "./dispatcher.ts";
import { BATCHES_MOST } from "./follow.ts";

const TARGETS = Array.from({ length: 3 * BATCHES_MOST }, (_, n) => `t${n}`);

test("however many targets there are, few batches are worked on at the same time, and every target has its turn", function* () {
  const database = yield* Database;
  const running = { now: 0, most: 0 };
  const counted = (name: string, body: Parameters<typeof database.transaction>[1]) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        if (name.startsWith("dispatch ")) running.most = Math.max(running.most, ++running.now);
      }),
      () => database.transaction(name, body),
      () =>
        Effect.sync(() => {
          if (name.startsWith("dispatch ")) running.now--;
        }),
    );
  const position = yield* append(pushed("app:v1"));
  const routes = compiled(route("all", "source", ...TARGETS));
  yield* Effect.forkScoped(
    Effect.provideService(dispatchRoutes(routes), Database, {
      ...database,
      transaction: counted as typeof database.transaction,
    }),
  );
  yield* expectDeliveries(...TARGETS.map((target) => `${target}/app:v1@${position}`));
  expect(running.most).toBeLessThanOrEqual(BATCHES_MOST);
});
