import { expect } from "vitest";
import { compareAll, compiled, put, repo, route, select, test, world } from "./reconciler.test-support.ts";
import { repositoriesOf } from "./repositories.ts";
import type { Side } from "./side.ts";

const sideOf = ({ registries }: { readonly registries: ReadonlyMap<string, Side> }): Side => {
  const side = registries.get("source");
  if (side === undefined) throw new Error("the world has a source");
  return side;
};

test("names written in full need no catalogue, also where others are excluded", function* () {
  const lab = yield* world;
  const routes = compiled(route({ select: select("team/a", "team/b", "!team/b", "!team/tmp*") }));
  const { names, problems } = yield* repositoriesOf(sideOf(lab), routes, [repo("team/a"), repo("old/one")]);
  expect([names, problems]).toEqual([["team/a"], []]);
  expect(lab.source.requests.total()).toBe(0);
});

test("a glob asks the catalogue, page by page, and what we know is looked at too", function* () {
  const lab = yield* world;
  lab.source.configure({ listPageMax: 2 });
  for (const name of ["team/a", "team/b", "team/c", "team/d", "other/e"]) put(lab.source, `${name}:v1`, "a");
  const { names, problems } = yield* repositoriesOf(sideOf(lab), compiled(route({ select: select("team/*") })), [
    repo("team/vanished"),
    repo("elsewhere"),
  ]);
  expect([names, problems]).toEqual([["team/a", "team/b", "team/c", "team/d", "team/vanished"], []]);
  expect(lab.source.requests.count({ route: "catalog" })).toBeGreaterThan(2);
});

test("a catalogue that is refused makes it incomplete; names in full and those known are compared", function* () {
  const lab = yield* world;
  lab.source.configure({ catalog: false });
  put(lab.source, "team/known:v1", "a");
  put(lab.source, "full:v1", "a");
  put(lab.source, "team/unheard-of:v1", "a");
  const routes = [route({ select: select("full", "team/*") })];
  const { names, problems } = yield* repositoriesOf(sideOf(lab), compiled(...routes), [repo("team/known")]);
  expect(names).toEqual(["full", "team/known"]);
  expect(problems.join()).toMatch(/the catalogue of source could not be read .*name them in routes/);
  const { report, found } = yield* compareAll(lab, routes);
  expect([report.completeness, found]).toEqual(["incomplete", ["east/copy/full:v1 missing"]]);
});

test("a catalogue that breaks off in the middle is used as far as it came, and said to be incomplete", function* () {
  const lab = yield* world;
  lab.source.configure({ listPageMax: 2 });
  for (const name of ["a", "b", "c", "d"]) put(lab.source, `${name}:v1`, "a");
  lab.source.faults.add({ match: { path: /last=/, times: Infinity }, action: { kind: "status", status: 403 } });
  const { names, problems } = yield* repositoriesOf(sideOf(lab), compiled(route()), []);
  expect([names, problems.length]).toEqual([["a", "b"], 1]);
});
