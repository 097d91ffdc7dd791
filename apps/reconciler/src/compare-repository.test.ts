import { describe, expect } from "vitest";
import { booked, compareAll, digest, MIRROR, put, route, select, test, to, world } from "./reconciler.test-support.ts";

/** The literal name, so that no catalogue is asked for. */
const app = (more: Parameters<typeof route>[0] = {}) => route({ select: select("app"), ...more });

describe("what differs", () => {
  test("missing, different and conflict; what is equal is nothing", function* () {
    const { source, east, registries } = yield* world;
    for (const tag of ["equal", "missing", "moved", "foreign"]) put(source, `app:${tag}`, "new");
    put(east, "copy/app:equal", "new");
    put(east, "copy/app:moved", "old");
    put(east, "copy/app:foreign", "old");
    const books = [booked("east", "copy/app:moved", { owned: [digest("old")] })];
    const { found, report, differences } = yield* compareAll({ registries }, [app()], books);
    expect(found).toEqual([
      "east/copy/app:foreign conflict",
      "east/copy/app:missing missing",
      "east/copy/app:moved different",
    ]);
    expect(report).toMatchObject({
      compared: 4,
      completeness: "complete",
      problems: [],
      drift: { missing: 1, different: 1, conflict: 1 },
    });
    expect(differences.find(({ kind }) => kind === "different")).toEqual({
      target: "east",
      repository: "copy/app",
      tag: "moved",
      kind: "different",
      source: { registry: "source", repository: "app", tag: "moved" },
      route: "all",
      wanted: digest("new"),
      held: digest("old"),
      parked: false,
    });
  });

  test("what we brought to a registry is no wish for the one that it came from; what somebody else put there is", function* () {
    const { source, east, registries } = yield* world;
    for (const tag of ["echo", "moved"]) put(source, `app:${tag}`, "from east");
    put(source, "app:fresh", "pushed at the source");
    put(east, "copy/app:moved", "newer");
    put(east, "copy/app:fresh", "from east");
    const from = (tag: string) => ({ registry: "east", ...booked("east", `copy/app:${tag}`) });
    const books = ["echo", "moved", "fresh"].map((tag) => {
      const { registry, repository, tag: name } = from(tag);
      const owned = [digest("from east")];
      return { ...booked("source", `app:${tag}`, { owned }), source: { registry, repository, tag: name } };
    });
    const { found } = yield* compareAll({ registries }, [app({ existing: "overwrite" })], books);
    expect(found).toEqual(["east/copy/app:fresh different"]);
  });

  test("extra is only what we own, where the route mirrors deletions", function* () {
    const { source, east, west, registries } = yield* world;
    put(source, "app:stays", "a");
    for (const target of [east, west])
      for (const tag of ["stays", "gone", "foreign"]) put(target, `copy/app:${tag}`, "a");
    const books = ["east", "west"].flatMap((target) => [
      booked(target, "copy/app:gone", { owned: [digest("a")], route: target }),
      booked(target, "copy/app:foreign", { owned: [], route: target }),
    ]);
    const routes = [
      app({ name: "east", to: [to("east")], deletes: MIRROR }),
      app({ name: "west", to: [to("west")], deletes: { mode: "ignore" } }),
    ];
    const { found } = yield* compareAll({ registries }, routes, books);
    expect(found).toEqual(["east/copy/app:gone extra"]);
    // Where it is kept anyway, the target is not even asked.
    expect(west.requests.count({ method: "HEAD", path: /gone/ })).toBe(0);
  });

  test("a tag that the route protects, or that no route asks for any more, is no extra (F20)", function* () {
    const { source, east, registries } = yield* world;
    put(source, "app:v1", "a");
    for (const tag of ["v1", "v2", "kept"]) put(east, `copy/app:${tag}`, "a");
    const books = ["v2", "kept"].map((tag) => booked("east", `copy/app:${tag}`, { owned: [digest("a")] }));
    const mirror = { ...MIRROR, protect: ["kept"] };
    const narrowed = { ...select("app"), tags: { _tag: "Globs", globs: ["v1"] } } as const;
    expect((yield* compareAll({ registries }, [app({ deletes: mirror })], books)).found).toEqual([
      "east/copy/app:v2 extra",
    ]);
    expect((yield* compareAll({ registries }, [app({ deletes: MIRROR, select: narrowed })], books)).found).toEqual([]);
  });

  test("a source repository that is unknown makes extra of what we own; the replicator has to prove it", function* () {
    const { east, registries } = yield* world;
    put(east, "copy/app:v1", "a");
    put(east, "copy/app:v2", "a");
    const books = [booked("east", "copy/app:v1", { owned: [digest("a")] })];
    const { found, report } = yield* compareAll({ registries }, [app({ deletes: MIRROR })], books);
    expect(found).toEqual(["east/copy/app:v1 extra"]);
    expect(report.completeness).toBe("complete");
  });

  test("what is pending is on its way; what is parked is told as parked", function* () {
    const { source, registries } = yield* world;
    put(source, "app:pending", "a");
    put(source, "app:parked", "a");
    const books = [
      booked("east", "copy/app:pending", { pending: true }),
      booked("east", "copy/app:parked", { parked: true }),
    ];
    const { differences, report } = yield* compareAll({ registries }, [app()], books);
    expect(differences.map(({ tag, parked }) => [tag, parked])).toEqual([["parked", true]]);
    expect(report.compared).toBe(1);
  });

  test("digest tags go with their subject and are left out", function* () {
    const { source, registries } = yield* world;
    put(source, "app:v1", "a");
    put(source, `app:${digest("a").replace(":", "-")}.sig`, "b");
    put(source, `app:${digest("a").replace(":", "-")}`, "b");
    expect((yield* compareAll({ registries }, [app()])).found).toEqual(["east/copy/app:v1 missing"]);
  });

  test("of two tags that map to one name the one that has it is compared, the other is its rival", function* () {
    const { source, east, registries } = yield* world;
    put(source, "app:a", "a");
    put(source, "app:b", "b");
    put(east, "copy/app:one", "a");
    const books = [booked("east", "copy/app:one", { from: "app:b", owned: [digest("a"), digest("b")] })];
    const { differences } = yield* compareAll({ registries }, [app({ to: [to("east", "copy/app", "one")] })], books);
    expect(differences.map(({ kind, source: from, wanted }) => [kind, from.tag, wanted])).toEqual([
      ["different", "b", digest("b")],
    ]);
  });

  test("one route of two: what an earlier route takes is not compared with the later one", function* () {
    const { source, east, registries } = yield* world;
    put(source, "app:v1", "a");
    put(east, "same:v1", "a");
    const routes = [
      app({ name: "first", to: [to("east", "same")] }),
      app({ name: "second", to: [to("east", "same"), to("east", "other")] }),
    ];
    const { found } = yield* compareAll({ registries }, routes, [], { kind: "full", route: "second" });
    expect(found).toEqual(["east/other:v1 missing"]);
  });
});

describe("what is in motion", () => {
  test("a second look cancels what was put right meanwhile", function* () {
    const { source, east, registries } = yield* world;
    put(source, "app:v1", "new");
    put(east, "copy/app:v1", "old");
    let asked = 0;
    const books = () => {
      // The replicator is done between the two looks.
      if (++asked === 3) put(east, "copy/app:v1", "new");
      return [booked("east", "copy/app:v1", { owned: [digest("old"), digest("new")] })];
    };
    const { found, report } = yield* compareAll({ registries }, [app()], books);
    expect(asked).toBe(3);
    expect([found, report.compared]).toEqual([[], 1]);
  });

  test("books are read again too: what became pending or ours since is no drift and no conflict", function* () {
    const { source, east, registries } = yield* world;
    put(source, "app:asked", "new");
    put(source, "app:ours", "new");
    put(east, "copy/app:ours", "old");
    let asked = 0;
    const books = () =>
      ++asked < 3
        ? []
        : [
            booked("east", "copy/app:asked", { pending: true }),
            booked("east", "copy/app:ours", { owned: [digest("old")] }),
          ];
    expect((yield* compareAll({ registries }, [app()], books)).found).toEqual(["east/copy/app:ours different"]);
  });
});

describe("what cannot be read", () => {
  const OURS = [booked("east", "copy/app:v1", { owned: [digest("a")] })];
  const failures = {
    "401": { kind: "status", status: 401 },
    "403": { kind: "status", status: 403 },
    "an error of the server": { kind: "status", status: 500 },
    "a page of HTML": { kind: "html200" },
  } as const;
  for (const [what, action] of Object.entries(failures))
    test(`the source answers ${what}: incomplete, and nothing is extra (F20)`, function* () {
      const { source, east, registries } = yield* world;
      put(east, "copy/app:v1", "a");
      source.faults.add({ match: { times: Infinity }, action });
      const { found, report } = yield* compareAll({ registries }, [app({ deletes: MIRROR })], OURS);
      expect(found).toEqual([]);
      expect(report).toMatchObject({ completeness: "incomplete", incompleteTargets: ["east"], compared: 0 });
      expect(report.problems.join()).toContain("source/app");
    });

  test("a list that was cut short without a word is seen by what we own: incomplete, and nothing is extra (F20)", function* () {
    const { source, east, registries } = yield* world;
    for (const tag of ["v1", "v2", "v3", "v4"]) put(source, `app:${tag}`, "a");
    put(east, "copy/app:v4", "b");
    source.faults.add({
      match: { path: /tags\/list/, times: Infinity },
      action: { kind: "truncatedList", keep: 1 },
    });
    const books = [booked("east", "copy/app:v4", { owned: [digest("b")] })];
    const { found, report } = yield* compareAll({ registries }, [app({ deletes: { mode: "ignore" } })], books);
    // What is known to differ is repaired all the same.
    expect(found).toEqual(["east/copy/app:v1 missing", "east/copy/app:v4 different"]);
    expect(report.completeness).toBe("incomplete");
    expect(report.problems.join()).toContain("source/app does not list v4, which is there");
  });

  test("a target that is down is a problem of that target alone", function* () {
    const { source, east, registries } = yield* world;
    put(source, "app:v1", "a");
    yield* east.setOnline(false);
    const { found, report } = yield* compareAll({ registries }, [app({ to: [to("east"), to("west")] })]);
    expect(found).toEqual(["west/copy/app:v1 missing"]);
    expect(report).toMatchObject({ completeness: "incomplete", incompleteTargets: ["east"], compared: 1 });
    yield* east.setOnline(true);
  });

  test("one tag that cannot be read costs that tag alone", function* () {
    const { source, east, registries } = yield* world;
    for (const tag of ["bad", "good"]) {
      put(source, `app:${tag}`, "new");
      put(east, `copy/app:${tag}`, "old");
    }
    source.faults.add({
      match: { path: /manifests\/bad/, times: Infinity },
      action: { kind: "status", status: 403 },
    });
    const { found, report } = yield* compareAll({ registries }, [app({ existing: "overwrite" })]);
    expect(found).toEqual(["east/copy/app:good different"]);
    expect(report).toMatchObject({ completeness: "incomplete", incompleteTargets: ["east"], compared: 1 });
  });
});

describe("how much is asked", () => {
  test("one list a side and one HEAD a side for each common tag; a source tag once for all targets", function* () {
    const { source, east, west, registries } = yield* world;
    for (let n = 0; n < 30; n += 1) {
      put(source, `app:v${n}`, "a");
      put(east, `copy/app:v${n}`, "a");
      put(west, `copy/app:v${n}`, "a");
    }
    const { found, report } = yield* compareAll({ registries }, [app({ to: [to("east"), to("west")] })]);
    expect([found, report.compared]).toEqual([[], 60]);
    for (const side of [source, east, west]) {
      expect(side.requests.count({ route: "tags" })).toBe(1);
      expect(side.requests.count({ method: "HEAD" })).toBe(30);
      expect(side.requests.total()).toBe(31);
    }
  });

  test("what the target does not list costs one HEAD a side, for the second look", function* () {
    const { source, east, registries } = yield* world;
    for (let n = 0; n < 10; n += 1) put(source, `app:v${n}`, "a");
    expect((yield* compareAll({ registries }, [app()])).found).toHaveLength(10);
    expect([source.requests.total(), east.requests.total()]).toEqual([11, 11]);
  });

  test("a registry that never answers is not asked for each of many repositories", function* () {
    const { source, east, registries } = yield* world;
    const names = Array.from({ length: 100 }, (_, n) => `team/app${n}`);
    for (const name of names) put(source, `${name}:v1`, "a");
    east.faults.add({ match: { times: Infinity }, action: { kind: "status", status: 401 } });
    const { report } = yield* compareAll({ registries }, [
      route({ select: select(...names), to: [to("east"), to("west")] }),
    ]);
    expect(report).toMatchObject({ drift: { missing: 100 }, incompleteTargets: ["east"] });
    // Five in a row, and those that were under way by then.
    expect(east.requests.count({ route: "tags" })).toBeLessThan(15);
  });
});
