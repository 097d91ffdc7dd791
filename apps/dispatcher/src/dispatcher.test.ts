import { pendingRescans } from "@drayage/delivery";
import { EVENT_TYPES } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { expect } from "vitest";
import {
  append,
  deliveries,
  eventually,
  expectDeliveries,
  place,
  pushed,
  route,
  start,
  test,
} from "./dispatcher.test-support.ts";
import { targetSubscriber } from "./subscribers.ts";

const all = route("all", "source", "east", "west");
const checkpoint = (target: string) => Effect.flatMap(EventLog, (log) => log.checkpoint(targetSubscriber(target)));

test("an event becomes a delivery at each target, also one that came before the first dispatcher", function* () {
  const early = yield* append(pushed("app:v1"));
  yield* start(all);
  yield* expectDeliveries(`east/app:v1@${early}`, `west/app:v1@${early}`);
  const late = yield* append(pushed("app:v2"), pushed("unrouted:v1", "elsewhere"));
  yield* expectDeliveries(
    `east/app:v1@${early}`,
    `east/app:v2@${late - 1}`,
    `west/app:v1@${early}`,
    `west/app:v2@${late - 1}`,
  );
});

test("10,000 pushes of one tag are one delivery", function* () {
  yield* start(route("all", "source", "east"));
  const last = yield* append(...Array.from({ length: 10_000 }, () => pushed("app:latest")));
  yield* eventually(checkpoint("east"), (position) => position === last);
  expect(yield* deliveries).toEqual([`east/app:latest@${last}`]);
});

test("goes on where it stopped", function* () {
  const first = yield* start(route("all", "source", "east"));
  const one = yield* append(pushed("app:v1"));
  yield* expectDeliveries(`east/app:v1@${one}`);
  yield* Fiber.interrupt(first);
  const two = yield* append(pushed("app:v2"));
  yield* start(route("all", "source", "east"));
  yield* expectDeliveries(`east/app:v1@${one}`, `east/app:v2@${two}`);
});

test("a target that is new in an installation starts at the head of the log", function* () {
  const first = yield* start(route("all", "source", "east"));
  const one = yield* append(pushed("app:v1"));
  yield* expectDeliveries(`east/app:v1@${one}`);
  yield* Fiber.interrupt(first);
  const two = yield* append(pushed("app:v2"));
  yield* start(all);
  yield* eventually(checkpoint("west"), (position) => position !== undefined);
  const three = yield* append(pushed("app:v3"));
  yield* expectDeliveries(`east/app:v1@${one}`, `east/app:v2@${two}`, `east/app:v3@${three}`, `west/app:v3@${three}`);
});

test("an event that cannot be understood stops nothing", function* () {
  const log = yield* EventLog;
  yield* start(route("all", "source", "east"));
  yield* log.append([
    { type: EVENT_TYPES.ImagePushed, source: "/test", data: { registry: "source", repository: "NOT A NAME" } },
    { type: EVENT_TYPES.DriftFound, source: "/test", data: { target: 7 } },
    { type: "io.drayage.future.thing.v1", source: "/test", data: {} },
  ]);
  const good = yield* append(pushed("app:v1"));
  yield* expectDeliveries(`east/app:v1@${good}`);
  expect(yield* log.read({ after: 0, limit: 10 })).toHaveLength(4);
});

test("what is not one tag becomes a rescan", function* () {
  const { kysely } = yield* Database;
  yield* start(all);
  const { repository } = place("app");
  yield* append(
    { _tag: "RescanRequested", registry: "source", repository, reason: "deleted by digest" },
    { _tag: "RescanRequested", registry: "source", repository, reason: "deleted by digest" },
    { _tag: "RescanRequested", registry: "elsewhere", repository, reason: "nobody routes it" },
  );
  const rescans = yield* eventually(
    Effect.promise(() => pendingRescans(kysely)),
    (found) => found.length > 0,
  );
  expect(rescans).toMatchObject([{ registry: "source", repository: "app", reason: "deleted by digest" }]);
  expect(yield* deliveries).toEqual([]);
});

test("a replay asks again for what was asked for after its position, and for nothing else", function* () {
  yield* start(all);
  yield* append(pushed("old:v1"));
  const from = yield* append(pushed("app:v1"));
  const second = yield* append(pushed("app:v2"));
  yield* expectDeliveries(
    ...["old:v1@1", `app:v1@${from}`, `app:v2@${second}`].flatMap((n) => [`east/${n}`, `west/${n}`]),
  );
  const again = yield* append({ _tag: "ReplayRequested", target: "east", after: from - 1, depth: "deep", why: "test" });
  yield* expectDeliveries(
    ...["east/old:v1@1", `east/app:v1@${again}`, `east/app:v2@${again}`],
    ...["west/old:v1@1", `west/app:v1@${from}`, `west/app:v2@${second}`],
  );
});

test("of two sources for one name the second is parked once, naming both, until no route wants the first", function* () {
  const log = yield* EventLog;
  const parked = log.read({ after: 0, limit: 100, types: [EVENT_TYPES.ReplicationParked] });
  const running = yield* start(route("a", "source", "east"), route("b", "other", "east"));
  const first = yield* append(pushed("app:v1"));
  yield* append(pushed("app:v1", "other"), pushed("app:v1", "other"));
  const [event, more] = yield* eventually(parked, (events) => events.length > 0);
  expect(event?.data).toMatchObject({
    target: "east",
    source: { registry: "other" },
    route: "b",
    error: { reason: "rival-source", detail: expect.stringContaining("source/app:v1") },
  });
  expect(more).toBeUndefined();
  yield* expectDeliveries(`east/app:v1@${first}`);
  yield* Fiber.interrupt(running);
  yield* start(route("b", "other", "east"));
  const again = yield* append(pushed("app:v1", "other"));
  yield* expectDeliveries(`east/app:v1@${again}`);
  expect(yield* parked).toHaveLength(1);
});
