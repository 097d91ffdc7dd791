import { type ListedTag, type Registry, RegistryError } from "@drayage/oci-core";
import { parseDigest, type RepositoryName } from "@drayage/oci-core/model";
import type { StrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import {
  booked,
  compareAll,
  digest,
  MIRROR,
  put,
  route,
  select,
  tagName,
  test,
  to,
  type World,
  world,
} from "./reconciler.test-support.ts";

type List = (repository: RepositoryName) => Stream.Stream<ReadonlyArray<ListedTag>, RegistryError>;

/** Registries whose own API lists tags with their digests, `PAGE` a page, with what `change` makes of it; every page is counted. */
const listing = Effect.fnUntraced(function* (change: Readonly<Record<string, (list: List) => List>> = {}) {
  const made: World = yield* world;
  const pages = new Map<string, number>();
  const registries = new Map(
    [...made.registries].map(([name, registry]): [string, Registry] => {
      const list = listOf(made[name as "source" | "east" | "west"], name, () =>
        pages.set(name, (pages.get(name) ?? 0) + 1),
      );
      return [name, { ...registry, powers: { ...registry.powers, list: (change[name] ?? same)(list) } }];
    }),
  );
  return { ...made, registries, pages };
});
const PAGE = 100;
const same = (list: List): List => list;

const listOf =
  (server: StrictRegistry, name: string, count: () => void): List =>
  (repository) =>
    Stream.suspend(() => {
      if (!server.repositories().includes(repository)) return Stream.fail(errorOf(name, "repository-unknown"));
      const tags = server.tags(repository).map((text) => ({
        tag: tagName(text),
        digest: parseDigest(server.manifest(repository, text)?.digest ?? ""),
      }));
      const pages = Array.from({ length: Math.max(1, Math.ceil(tags.length / PAGE)) }, (_, n) =>
        tags.slice(n * PAGE, (n + 1) * PAGE),
      );
      return Stream.tap(Stream.fromIterable(pages), () => Effect.sync(count));
    });
const errorOf = (registry: string, reason: RegistryError["reason"]): RegistryError =>
  new RegistryError({ registry, operation: "list", reference: "app", reason, detail: "as the test wants it" });

const app = (more: Parameters<typeof route>[0] = {}) => route({ select: select("app"), ...more });
const requests = ({ requests: log }: StrictRegistry): number => log.count({});

describe("registries that list tags with their digests", () => {
  test("a thousand tags that are in step cost the pages of two lists, and no request for any tag", function* () {
    const { source, east, registries, pages } = yield* listing();
    const books = Array.from({ length: 1000 }, (_, n) => {
      for (const [server, name] of [
        [source, "app"],
        [east, "copy/app"],
      ] as const)
        put(server, `${name}:v${n}`, "same");
      return booked("east", `copy/app:v${n}`, { owned: [digest("same")] });
    });
    const { report, found } = yield* compareAll({ registries }, [app()], books);
    expect(found).toEqual([]);
    expect(report).toMatchObject({ compared: 1000, completeness: "complete", problems: [] });
    expect(Object.fromEntries(pages)).toEqual({ source: 10, east: 10 });
    expect([requests(source), requests(east)]).toEqual([0, 0]);
  });

  test("what differs is asked for once more a side, and what is missing or moved is found as without a list", function* () {
    const { source, east, registries } = yield* listing();
    for (const name of ["equal", "missing", "moved", "foreign"]) put(source, `app:${name}`, "new");
    put(east, "copy/app:equal", "new");
    put(east, "copy/app:moved", "old");
    put(east, "copy/app:foreign", "old");
    put(east, "copy/app:gone", "old");
    const owned = { owned: [digest("old")] };
    const books = [
      booked("east", "copy/app:equal", { owned: [digest("new")] }),
      booked("east", "copy/app:moved", owned),
      booked("east", "copy/app:gone", owned),
    ];
    const { found } = yield* compareAll({ registries }, [app({ deletes: MIRROR })], books);
    expect(found).toEqual([
      "east/copy/app:foreign conflict",
      "east/copy/app:gone extra",
      "east/copy/app:missing missing",
      "east/copy/app:moved different",
    ]);
    const heads = (server: StrictRegistry, tag: string) =>
      server.requests.count({ method: "HEAD", path: new RegExp(`/manifests/${tag}$`) });
    // Of `gone` the source is also asked whether its list is complete.
    expect(["equal", "missing", "moved", "foreign", "gone"].map((tag) => heads(source, tag))).toEqual([0, 1, 1, 1, 2]);
    expect(["equal", "missing", "moved", "foreign", "gone"].map((tag) => heads(east, tag))).toEqual([0, 1, 1, 1, 1]);
  });

  test("one side that lists digests saves its own requests, and the other is asked tag by tag", function* () {
    const { source, east, registries } = yield* listing({
      east: (list) => (repository) => Stream.map(list(repository), (page) => page.map(({ tag }) => ({ tag }))),
    });
    for (let n = 0; n < 20; n++) {
      put(source, `app:v${n}`, "same");
      put(east, `copy/app:v${n}`, "same");
    }
    const books = Array.from({ length: 20 }, (_, n) => booked("east", `copy/app:v${n}`, { owned: [digest("same")] }));
    expect((yield* compareAll({ registries }, [app()], books)).found).toEqual([]);
    expect([requests(source), requests(east)]).toEqual([0, 20]);
  });

  test("a list that is out of date is no difference: both sides are asked before anything is said", function* () {
    const stale: ListedTag = { tag: tagName("v1"), digest: digest("old") };
    const { source, east, registries } = yield* listing({ east: () => () => Stream.succeed([stale]) });
    put(source, "app:v1", "new");
    put(east, "copy/app:v1", "new");
    const books = [booked("east", "copy/app:v1", { owned: [digest("old"), digest("new")] })];
    const { found } = yield* compareAll({ registries }, [app()], books);
    expect(found).toEqual([]);
  });

  test("what a list alone calls equal is not adopted", function* () {
    const stale: ListedTag = { tag: tagName("v1"), digest: digest("new") };
    const { source, east, registries } = yield* listing({ east: () => () => Stream.succeed([stale]) });
    put(source, "app:v1", "new");
    put(east, "copy/app:v1", "foreign");
    const { found } = yield* compareAll({ registries }, [app()], []);
    expect(found).toEqual(["east/copy/app:v1 conflict"]);
  });

  test("a tag that two pages list with two digests is asked for by itself", function* () {
    const twice = ["old", "new"].map(
      (seed): ReadonlyArray<ListedTag> => [{ tag: tagName("v1"), digest: digest(seed) }],
    );
    const { source, east, registries } = yield* listing({ source: () => () => Stream.fromIterable(twice) });
    put(source, "app:v1", "new");
    put(east, "copy/app:v1", "new");
    const books = [booked("east", "copy/app:v1", { owned: [digest("new")] })];
    expect((yield* compareAll({ registries }, [app()], books)).found).toEqual([]);
    expect(source.requests.count({ method: "HEAD" })).toBe(1);
  });

  test("what is listed and cannot be pulled for now, an archived image, is there: nothing is extra", function* () {
    const { source, east, registries } = yield* listing();
    put(source, "app:v1", "a");
    put(east, "copy/app:v1", "a");
    source.faults.add({
      match: { path: /manifests/, times: Number.POSITIVE_INFINITY },
      action: { kind: "status", status: 404, code: "MANIFEST_UNKNOWN" },
    });
    const books = [booked("east", "copy/app:v1", { owned: [digest("a")] })];
    const { found, report } = yield* compareAll({ registries }, [app({ deletes: MIRROR })], books);
    expect(found).toEqual([]);
    expect(report).toMatchObject({ compared: 1, problems: [] });
  });
});

describe("a listing that fails is never a short list", () => {
  const broken =
    (reason: RegistryError["reason"]) =>
    (list: List): List =>
    (repository) =>
      Stream.concat(Stream.take(list(repository), 1), Stream.fail(errorOf("a registry", reason)));

  for (const reason of ["network", "denied", "rate-limited", "invalid-response", "not-found", "too-large"] as const) {
    test(`at the source, after its first page: ${reason}`, function* () {
      const { source, east, registries } = yield* listing({ source: broken(reason) });
      for (let n = 0; n < PAGE + 1; n++) {
        put(source, `app:v${n}`, "a");
        put(east, `copy/app:v${n}`, "a");
      }
      const books = Array.from({ length: PAGE + 1 }, (_, n) =>
        booked("east", `copy/app:v${n}`, { owned: [digest("a")] }),
      );
      const { found, report } = yield* compareAll({ registries }, [app({ deletes: MIRROR })], books);
      expect(found).toEqual([]);
      expect(report.completeness).toBe("incomplete");
    });

    test(`at one target, after its first page: ${reason}`, function* () {
      const { source, east, west, registries } = yield* listing({ east: broken(reason) });
      put(source, "app:v1", "a");
      put(east, "copy/app:v0", "a");
      put(west, "copy/app:v0", "a");
      const { found, report } = yield* compareAll({ registries }, [app({ to: [to("east"), to("west")] })], []);
      expect(found).toEqual(["west/copy/app:v1 missing"]);
      expect(report).toMatchObject({ completeness: "incomplete", incompleteTargets: ["east"] });
    });
  }
});
