import { askAgain, holdDeliveries, loseConnections, refuseTags, renameDeliveries } from "@drayage/delivery/testing";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { expect } from "vitest";
import { dispatchToTarget } from "./dispatch-batch.ts";
import {
  append,
  compiled,
  deliveries,
  eventually,
  expectDeliveries,
  pushed,
  route,
  start,
  test,
} from "./dispatcher.test-support.ts";
import { dispatchAll } from "./pass-over.ts";
import { targetSubscriber } from "./subscribers.ts";

const east = route("all", "source", "east");
const both = route("all", "source", "east", "west");
const checkpoint = (target: string) => Effect.flatMap(EventLog, (log) => log.checkpoint(targetSubscriber(target)));

test("deliveries and checkpoint are written together or not at all", function* () {
  const { transaction } = yield* Database;
  const log = yield* EventLog;
  const to = yield* append(pushed("app:v1"));
  const events = yield* log.read({ after: 0, limit: 10 });
  const dispatch = dispatchToTarget("east", compiled(east));
  const batch = { subscriber: targetSubscriber("east"), from: 0, to, events };

  const crash = transaction("crash before the commit", async (trx) => {
    await dispatch(trx, batch);
    throw Object.assign(new Error("the machine is gone"), { code: "57P01" });
  });
  expect((yield* Effect.flip(crash)).transient).toBe(true);
  expect(yield* deliveries).toEqual([]);
  expect(yield* checkpoint("east")).toBeUndefined();

  yield* transaction("whole", (trx) => dispatch(trx, batch));
  expect(yield* deliveries).toEqual([`east/app:v1@${to}`]);
  expect(yield* checkpoint("east")).toBe(to);
  // The commit went through and its answer was lost: the same batch again finds the checkpoint elsewhere and writes nothing.
  const again = transaction("again", (trx) => dispatch(trx, batch));
  expect((yield* Effect.flip(again)).transient).toBe(true);
  expect(yield* deliveries).toEqual([`east/app:v1@${to}`]);
});

test("a target that is held up delays no other", function* () {
  yield* start(both);
  const first = yield* append(pushed("app:v1"));
  yield* expectDeliveries(`east/app:v1@${first}`, `west/app:v1@${first}`);
  const { letGo } = yield* holdDeliveries("east");
  const second = yield* append(pushed("app:v1"), pushed("app:v2"));
  yield* expectDeliveries(`east/app:v1@${first}`, `west/app:v1@${second - 1}`, `west/app:v2@${second}`);
  expect(yield* checkpoint("east")).toBe(first);
  yield* letGo;
  yield* eventually(checkpoint("east"), (position) => position === second);
  expect(yield* deliveries).toHaveLength(4);
});

test("lost connections are survived", function* () {
  yield* start(both);
  let last = 0;
  for (const n of [1, 2, 3]) {
    last = yield* askAgain(append(...[1, 2, 3, 4].map((i) => pushed(`app:v${n}-${i}`))));
    yield* askAgain(loseConnections);
  }
  yield* eventually(askAgain(checkpoint("east")), (position) => position === last);
  yield* eventually(askAgain(checkpoint("west")), (position) => position === last);
  expect(yield* deliveries).toHaveLength(24);
});

test("of two dispatchers one leads, and the other takes over", function* () {
  const first = yield* start(east);
  const one = yield* append(pushed("app:v1"));
  yield* expectDeliveries(`east/app:v1@${one}`);
  yield* start(east);
  const two = yield* append(...Array.from({ length: 50 }, (_, i) => pushed(`app:b${i}`)));
  yield* eventually(checkpoint("east"), (position) => position === two);
  yield* Fiber.interrupt(first);
  const three = yield* append(pushed("app:v3"));
  yield* eventually(checkpoint("east"), (position) => position === three);
  expect(yield* deliveries).toHaveLength(52);
});

test("an event that the database refuses is passed over, and holds up none beside it", function* () {
  yield* refuseTags("bad");
  const names = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 30 ? `app:bad${i}` : `app:v${i}`));
  const last = yield* append(...names.map((name) => pushed(name)));
  yield* start(both);
  yield* eventually(checkpoint("east"), (position) => position === last);
  yield* eventually(checkpoint("west"), (position) => position === last);
  expect(yield* deliveries).toHaveLength(76);
});

test("what says nothing about an event passes over none", function* () {
  yield* renameDeliveries("delivery", "elsewhere");
  const log = yield* EventLog;
  const to = yield* append(pushed("app:v1"), pushed("app:v2"));
  const events = yield* log.read({ after: 0, limit: 10 });
  const batch = { subscriber: targetSubscriber("east"), from: 0, to, events };
  const failed = yield* Effect.flip(dispatchAll(dispatchToTarget("east", compiled(east)), batch));
  expect(failed.code).toBe("42P01");
  expect(yield* checkpoint("east")).toBeUndefined();
  yield* renameDeliveries("elsewhere", "delivery");
  yield* start(east);
  yield* expectDeliveries(`east/app:v1@${to - 1}`, `east/app:v2@${to}`);
});
