import type { Route } from "@drayage/domain";
import { appendWithin, Database } from "@drayage/event-log";
import { layerTestLog } from "@drayage/event-log/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { markReconciled, type Routing, readReconciled } from "./reconciled.ts";

const route: Route = {
  name: "all",
  from: "source",
  select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
  to: ["east", "west"].map((registry) => ({ registry, repository: "{repository}", tag: "{tag}" })),
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
  priority: "normal",
};
const routing = (more: Partial<Route> = {}, addresses: Readonly<Record<string, string>> = {}): Routing => ({
  routes: [{ ...route, ...more }],
  addressOf: (name) => addresses[name] ?? `https://${name}`,
});
const mark = (now: Routing, complete: ReadonlyArray<string>) =>
  Effect.flatMap(Database, ({ transaction }) =>
    transaction("mark", async (trx) => {
      const [appended] = await appendWithin(trx, [{ type: "test", source: "/test", data: {} }]);
      const position = appended?.position ?? 0;
      await markReconciled(trx, now, { position, finished: ["east", "west"], complete });
      return position;
    }),
  );
const read = Effect.fnUntraced(function* (now: Routing) {
  const { kysely } = yield* Database;
  const found = yield* Effect.promise(() => readReconciled(kysely, now, ["east", "west"]));
  return [...found].map(([target, { finished, complete }]) => [target, finished?.position, complete?.position]);
});

it.live("a target is reconciled as it is routed, and only that", () =>
  Effect.gen(function* () {
    const never = [
      ["east", undefined, undefined],
      ["west", undefined, undefined],
    ];
    expect(yield* read(routing())).toEqual(never);
    const one = yield* mark(routing(), ["east", "west"]);
    const two = yield* mark(routing(), ["east"]);
    const reconciled = [
      ["east", two, two],
      ["west", two, one],
    ];
    expect(yield* read(routing())).toEqual(reconciled);
    // However the file is written.
    const { name, from, ...rest } = route;
    expect(yield* read({ ...routing(), routes: [{ ...rest, from, name }] })).toEqual(reconciled);

    expect(yield* read(routing({ select: { ...route.select, repositories: ["app"] } }))).toEqual(never);
    expect(yield* read(routing({}, { source: "https://elsewhere" }))).toEqual(never);
    expect(yield* read(routing({}, { east: "https://elsewhere" }))).toEqual([never[0], reconciled[1]]);
    const [east, west] = route.to;
    const other = west === undefined ? [] : [{ ...west, tag: "x-{tag}" }];
    expect(yield* read(routing({ to: [...(east === undefined ? [] : [east]), ...other] }))).toEqual([
      reconciled[0],
      never[1],
    ]);
  }).pipe(Effect.provide(layerTestLog())),
);
