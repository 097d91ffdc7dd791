import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, it } from "vitest";
import { layerTestDatabase } from "../testing/test-database.ts";
import { EventLog } from "./event-log.ts";
import { type Upcasts, upcast } from "./upcast.ts";

const UPCASTS: Upcasts = {
  "moved.v1": { to: "moved.v2", data: ({ place }) => ({ repository: place }) },
  "moved.v2": { to: "moved.v3", data: ({ repository }, { source }) => ({ repository, by: source }) },
};

it("an event of an older version is read as the newest one, by whoever asks for that", () =>
  Effect.gen(function* () {
    const log = yield* EventLog;
    yield* log.append([
      { type: "moved.v1", source: "a", data: { place: "x" } },
      { type: "moved.v2", source: "b", data: { repository: "y" } },
      { type: "other.v1", source: "c", data: { place: "z" } },
      { type: "moved.v3", source: "d", data: { repository: "w", by: "e" } },
    ]);
    const wanted = [
      ["moved.v3", { repository: "x", by: "a" }],
      ["moved.v3", { repository: "y", by: "b" }],
      ["moved.v3", { repository: "w", by: "e" }],
    ];
    const forward = yield* log.read({ after: 0, limit: 9, types: ["moved.v3"] });
    expect(forward.map(({ type, data }) => [type, data])).toEqual(wanted);
    const backward = yield* log.readBackward({ limit: 9, types: ["moved.v3"] });
    expect(backward.map(({ type, data }) => [type, data])).toEqual(wanted.toReversed());
    const all = yield* log.read({ after: 0, limit: 9 });
    expect(all.map(({ type }) => type)).toEqual(["moved.v3", "moved.v3", "other.v1", "moved.v3"]);
  }).pipe(
    Effect.provide(Layer.provideMerge(EventLog.layerWith(UPCASTS), layerTestDatabase())),
    Effect.scoped,
    Effect.runPromise,
  ));

it("versions that lead in a circle are a mistake that is told", () => {
  const circle: Upcasts = { a: { to: "b", data: (data) => data }, b: { to: "a", data: (data) => data } };
  const now = new Date(0);
  const event = { position: 1, id: "1", type: "a", source: "s", time: now, recordedAt: now, data: {} };
  expect(() => upcast(circle, event)).toThrow("circle");
});
