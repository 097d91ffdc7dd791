import { describe, expect, it } from "vitest";
import { routeProblems } from "./check-route.ts";
import { findCollisions, findFeedback } from "./collisions.ts";
import type { Route, TagSelection } from "./route.ts";
import { globs, lookup, route, source, to } from "./samples.test-support.ts";
import { compileRoutes, mapTag } from "./select.ts";

const select = (repositories: ReadonlyArray<string>, tags: TagSelection = globs("*")) => ({ repositories, tags });
const find = (...routes: ReadonlyArray<Route>) => findCollisions(compileRoutes(routes, lookup));

describe("collisions that patterns prove", () => {
  it.each<[string, ReadonlyArray<Route>]>([
    ["a fixed name for many repositories", [route({ to: [to("prod", "all")] })]],
    ["a fixed tag for many tags", [route({ select: select(["app"]), to: [to("prod", "app", "stable")] })]],
    ["the base name and a fixed tag", [route({ to: [to("prod", "images/{basename}", "stable")] })]],
    ["the team alone", [route({ select: select(["team-a/**"]), to: [to("prod", "images/{team}")] })]],
    [
      "{image} drops the repository key",
      [route({ from: "jfrog", select: select(["a-local/**", "b-local/**"]), to: [to("prod", "{image}")] })],
    ],
    ["two registries, one name", [route({ name: "a" }), route({ name: "b", from: "other" })]],
    [
      "two routes of one registry, overlapping below",
      [
        route({ name: "a", from: "jfrog", select: select(["a/**"]), to: [to("prod", "out/{image}")] }),
        route({ name: "b", from: "jfrog", select: select(["b/billing/*"]), to: [to("prod", "out/{image}")] }),
      ],
    ],
    [
      "two tags of two routes",
      [
        route({ name: "a", select: select(["app"], globs("v*")), to: [to("prod", "app", "stable")] }),
        route({ name: "b", select: select(["lib"], globs("latest")), to: [to("prod", "app", "stable")] }),
      ],
    ],
    ["within two entries of one route", [route({ select: select(["a", "b"]), to: [to("prod", "x")] })]],
    [
      "a regular expression",
      [route({ select: select(["a"], { _tag: "Regex", pattern: "v.*" }), to: [to("prod", "a", "x")] })],
    ],
    [
      "a semver range",
      [route({ select: select(["a"], { _tag: "Semver", range: ">=3.1" }), to: [to("prod", "a", "x")] })],
    ],
  ])("%s", (_name, routes) => {
    const found = find(...routes);
    expect(found.length).toBeGreaterThan(0);
    expect(found.map(({ certain }) => certain)).not.toContain(false);
    const compiled = compileRoutes(routes, lookup);
    for (const { first, second, target } of found) {
      expect(first.source).not.toEqual(second.source);
      for (const claim of [first, second]) {
        const names = mapTag(compiled, claim.source).map(({ repository, tag }) => `${repository}:${tag}`);
        expect(names).toContain(`${target.repository}:${target.tag}`);
      }
    }
  });

  it.each<[string, ReadonlyArray<Route>]>([
    ["the default", [route({})]],
    ["one repository key", [route({ from: "jfrog", select: select(["a/**"]), to: [to("prod", "i/{image}")] })]],
    ["one literal repository", [route({ select: select(["app"]), to: [to("prod", "fixed")] })]],
    ["a base name in one folder", [route({ select: select(["team/*"]), to: [to("prod", "{basename}")] })]],
    ["different prefixes", [route({ name: "a" }), route({ name: "b", from: "other", to: [to("prod", "o/{image}")] })]],
    ["different targets", [route({ name: "a" }), route({ name: "b", from: "other", to: [to("dr", "{image}")] })]],
    [
      "tags that exclude each other",
      [
        route({ name: "a", select: select(["app"], globs("v*")), to: [to("prod", "x")] }),
        route({ name: "b", select: select(["lib"], globs("latest")), to: [to("prod", "x")] }),
      ],
    ],
    ["one name by two routes from one source", [route({ name: "a" }), route({ name: "b" })]],
    ["the same name at two targets", [route({ to: [to("prod", "{image}"), to("dr", "{image}")] })]],
  ])("no alarm: %s", (_name, routes) => expect(find(...routes)).toEqual([]));

  it.each<[string, ReadonlyArray<Route>]>([
    ["the base name alone", [route({ to: [to("prod", "images/{basename}")] })]],
    ["the base name and the team", [route({ select: select(["a/**"]), to: [to("prod", "{team}-{basename}")] })]],
    [
      "base names of two routes",
      [
        route({ name: "a", select: select(["a/*"]), to: [to("prod", "{basename}")] }),
        route({ name: "b", select: select(["b/*"]), to: [to("prod", "{basename}")] }),
      ],
    ],
  ])("possible, not certain: %s", (_name, routes) => {
    expect(find(...routes)).toMatchObject([{ certain: false }]);
  });

  it("says which names meet", () => {
    const [collision] = find(route({ select: select(["a", "b"], globs("1")), to: [to("prod", "x")] }));
    expect(collision).toEqual({
      certain: true,
      first: { route: "r", to: 0, source: source("lab/a:1") },
      second: { route: "r", to: 0, source: source("lab/b:1") },
      target: { route: "r", target: "prod", repository: "x", tag: "1" },
    });
  });
});

describe("routes that feed on what they deliver", () => {
  const feed = (...routes: ReadonlyArray<Route>) =>
    findFeedback(compileRoutes(routes, lookup)).map(({ _tag, route: name }) => `${name} ${_tag}`);

  it.each<[string, ReadonlyArray<Route>, ReadonlyArray<string>]>([
    ["onto itself", [route({ to: [to("lab", "{repository}")] })], ["r itself"]],
    ["below itself", [route({ to: [to("lab", "mirror/{repository}")] })], ["r endless"]],
    ["into a tag of its own", [route({ to: [to("lab", "{repository}", "{tag}-copy")] })], ["r endless"]],
    [
      "through another registry",
      [route({ name: "out" }), route({ name: "back", from: "prod", to: [to("lab", "back/{repository}")] })],
      ["out endless", "back endless"],
    ],
    [
      "excluded by a negation",
      [route({ select: select(["**", "!mirror/**"]), to: [to("lab", "mirror/{repository}")] })],
      [],
    ],
    ["a promotion in one registry", [route({ select: select(["dev/**"]), to: [to("lab", "prod/{basename}")] })], []],
    [
      "two registries kept equal",
      [route({ name: "out" }), route({ name: "back", from: "prod", to: [to("lab", "{repository}")] })],
      [],
    ],
    ["a chain", [route({ name: "a" }), route({ name: "b", from: "prod", to: [to("dr", "x/{repository}")] })], []],
  ])("%s", (_name, routes, expected) => expect(feed(...routes)).toEqual(expected));

  it("a mesh of many registries: every name is looked at once", () => {
    const names = Array.from({ length: 12 }, (_, index) => `r${index}`);
    const routes = names.map((from) =>
      route({ name: from, from, to: names.filter((name) => name !== from).map((name) => to(name, "{repository}")) }),
    );
    expect(feed(...routes)).toEqual([]);
  });
});

describe("routeProblems", () => {
  it("a sound route has none", () => expect(routeProblems(route({}), lookup)).toEqual([]));
  it("tells all at once, each with its place", () => {
    const bad = route({
      select: { repositories: [], tags: { _tag: "Regex", pattern: "(" } },
      to: [to("prod", "{imgae}"), to("prod", "{repositoryKey}/x", "{")],
      overwrite: { allow: ["!"] },
      deletes: { mode: "mirror", confirmAfter: 0, protect: [""] },
    });
    expect(routeProblems(bad, lookup).map(({ path }) => path.join("."))).toEqual([
      "select.repositories",
      "select.tags",
      "overwrite.allow",
      "deletes.protect",
      "to.0.repository",
      "to.1.repository",
      "to.1.tag",
    ]);
  });
  it("{repositoryKey} needs a registry that has keys", () => {
    const keyed = route({ from: "jfrog", to: [to("prod", "{repositoryKey}/{image}")] });
    expect(routeProblems(keyed, lookup)).toEqual([]);
    expect(routeProblems({ ...keyed, from: "lab" }, lookup)).toMatchObject([
      { what: "lab has no repository keys, so {repositoryKey} means nothing" },
    ]);
  });
});
