import { describe, expect, it } from "vitest";
import { compileGlobs, compileTags, globsProblem, tagSelectionProblem } from "./match.ts";
import { digest, globs, lookup, route, source, to } from "./samples.test-support.ts";
import { compileRoutes, explainTag, mapTag, onlyTarget, selectsRepository } from "./select.ts";
import { parseTemplate } from "./template.ts";

describe("globs", () => {
  it.each<[ReadonlyArray<string>, string, boolean]>([
    [["**"], "a/b/c", true],
    [["**"], ".hidden/x", true],
    [["*"], "a/b", false],
    [["a/**"], "a/b/c", true],
    [["a/**"], "b/a", false],
    [["a/**", "!a/tmp/**"], "a/tmp/x", false],
    [["!a/tmp/**", "a/**"], "a/tmp/x", false], // the order does not matter
    [["!a/**"], "b", true], // negatives only: everything else
    [["!a/**"], "a/x", false],
    [["{a,b}/*"], "b/x", true],
    [["!(a|b)"], "c", true], // picomatch's own negation selects
    [["!(a|b)"], "a", false],
    [["v*", "latest", "!*-rc*"], "v1.2.3-rc1", false],
    [["v*", "latest", "!*-rc*"], "v1.2.3", true],
    [["v*", "latest", "!*-rc*"], "main", false],
    [["Latest"], "latest", false],
  ])("%j on %s: %s", (list, name, expected) => expect(compileGlobs(list)(name)).toBe(expected));

  it("what cannot be a glob is said in words", () => {
    expect(globsProblem([])).toBe("an empty list selects nothing");
    expect(globsProblem(["!"])).toBe("an empty glob matches nothing");
    expect(globsProblem(["a", ""])).toBe("an empty glob matches nothing");
    expect(globsProblem(["x".repeat(2000)])).toMatch(/more than 1024/);
    expect(globsProblem(["a/**", "!b"])).toBeUndefined();
  });
});

describe("tags", () => {
  it.each([
    [">=1.2.0", "1.2.0", true],
    [">=1.2.0", "v1.3.0", true],
    [">=1.2.0", "1.1.9", false],
    [">=1.2.0", "1.3.0-rc.1", false], // no prereleases unless the range names one
    [">=1.3.0-rc.0 <2", "1.3.0-rc.1", true],
    ["^1", "1.2", false], // not a whole version
    ["*", "latest", false],
  ])("semver %s on %s: %s", (range, tag, expected) =>
    expect(compileTags({ _tag: "Semver", range })(tag)).toBe(expected),
  );

  it("a regular expression matches the whole tag", () => {
    const matches = compileTags({ _tag: "Regex", pattern: "v\\d+|latest" });
    expect(["v1", "latest", "xv1", "v1x", "latest-1"].filter(matches)).toEqual(["v1", "latest"]);
  });

  it("problems are said in words", () => {
    expect(tagSelectionProblem({ _tag: "Semver", range: ">=x.y" })).toBe('not a semver range: ">=x.y"');
    expect(tagSelectionProblem({ _tag: "Regex", pattern: "a)|(b" })).toMatch(/^not a regular expression: /);
    expect(tagSelectionProblem({ _tag: "Regex", pattern: "a|b" })).toBeUndefined();
  });
});

describe("templates", () => {
  const mapped = (from: string, repository: string, tag = "{tag}") => {
    const [registry = ""] = from.split("/", 1);
    const compiled = compileRoutes([route({ from: registry, to: [to("prod", repository, tag)] })], lookup);
    return mapTag(compiled, source(from)).map((name) => `${name.target}/${name.repository}:${name.tag}`)[0];
  };
  const jfrog = "jfrog/docker-prod-local/team-a/web/api:1.4";
  it.each([
    ["{repository}", "docker-prod-local/team-a/web/api"],
    ["{repositoryKey}", "docker-prod-local"],
    ["{image}", "team-a/web/api"],
    ["{team}", "team-a"],
    ["{basename}", "api"],
    ["images/{team}-{basename}", "images/team-a-api"],
    ["images/{image}", "images/team-a/web/api"],
    ["fixed", "fixed"],
  ])("with a repository key, %s is %s", (template, expected) =>
    expect(mapped(jfrog, template)).toBe(`prod/${expected}:1.4`),
  );
  it.each([
    ["{repository}", "team-a/web/api"],
    ["{image}", "team-a/web/api"],
    ["{team}", "team-a"],
    ["{basename}", "api"],
  ])("without repository keys, %s is %s", (template, expected) =>
    expect(mapped("lab/team-a/web/api:1.4", template)).toBe(`prod/${expected}:1.4`),
  );
  it("tags have templates too", () => {
    expect(mapped(jfrog, "x", "{basename}-{tag}")).toBe("prod/x:api-1.4");
    expect(mapped(jfrog, "x", "stable")).toBe("prod/x:stable");
  });
  it.each([
    ["{imgae}", "unknown placeholder {imgae}"],
    ["a{", 'a brace without its pair in "a{"'],
    ["a}{image}", 'a brace without its pair in "a}{image}"'],
    ["", "an empty template"],
  ])("%j is refused", (text, what) => expect(parseTemplate(text)).toMatchObject({ _tag: "TemplateProblem", what }));
});

describe("mapping", () => {
  const prod = route({
    name: "prod",
    from: "jfrog",
    select: { repositories: ["docker-prod-local/**", "!docker-prod-local/tmp/**"], tags: globs("v*", "!*-rc*") },
    to: [to("ar", "images/{image}"), to("ecr", "prod/{image}")],
  });
  const compiled = compileRoutes([prod], lookup);

  it("goes to every target of every route of its registry", () => {
    expect(mapTag(compiled, source("jfrog/docker-prod-local/a/b:v1"))).toEqual([
      { route: "prod", target: "ar", repository: "images/a/b", tag: "v1" },
      { route: "prod", target: "ecr", repository: "prod/a/b", tag: "v1" },
    ]);
    expect(mapTag(compiled, source("lab/docker-prod-local/a/b:v1"))).toEqual([]);
  });

  it.each([
    ["jfrog/docker-prod-local/tmp/a:v1", "select.repositories does not match docker-prod-local/tmp/a"],
    ["jfrog/docker-prod-local/a:v1-rc1", "select.tags does not match v1-rc1"],
  ])("%s is not selected and says why", (name, why) => {
    expect(explainTag(compiled, source(name))).toEqual([{ _tag: "NotSelected", route: "prod", why }]);
  });

  it("digest tags are never routed as tags", () => {
    const all = compileRoutes([route({})], lookup);
    const hex = digest("x").slice("sha256:".length);
    for (const suffix of ["", ".sig", ".att", ".sbom"]) {
      const [mapping] = explainTag(all, source(`lab/app:sha256-${hex}${suffix}`));
      expect(mapping).toMatchObject({ _tag: "NotSelected", why: expect.stringContaining("digest tag") });
    }
    expect(mapTag(all, source("lab/app:sha256-release"))).toHaveLength(1);
  });

  it("a name that has no valid form at the target is a value", () => {
    const odd = compileRoutes([route({ from: "jfrog", to: [to("prod", "{image}"), to("prod2", "{tag}")] })], lookup);
    expect(explainTag(odd, source("jfrog/key-only:V1"))).toMatchObject([
      { _tag: "Unmappable", unmappable: { target: "prod", why: "key-only has no {image}" } },
      { _tag: "Unmappable", unmappable: { target: "prod2", why: '"V1" is not a repository name' } },
    ]);
    expect(mapTag(odd, source("jfrog/key-only:V1"))).toEqual([]);
    const long = compileRoutes([route({ to: [to("prod", "x", `${"y".repeat(128)}{tag}`)] })], lookup);
    expect(explainTag(long, source("lab/app:1"))).toMatchObject([{ _tag: "Unmappable" }]);
  });

  it("two routes that give one name: the first has it, and there is one delivery", () => {
    const twice = compileRoutes([route({ name: "one" }), route({ name: "two" })], lookup);
    expect(mapTag(twice, source("lab/app:1")).map((name) => name.route)).toEqual(["one"]);
    expect(explainTag(twice, source("lab/app:1"))[1]).toMatchObject({ _tag: "NotSelected", route: "two" });
  });

  it("can be narrowed to one target", () => {
    const ecr = onlyTarget(compiled, "ecr");
    expect([...ecr.targets]).toEqual(["ecr"]);
    expect(mapTag(ecr, source("jfrog/docker-prod-local/a:v1")).map((name) => name.target)).toEqual(["ecr"]);
    expect(onlyTarget(compiled, "nowhere").routes).toEqual([]);
    expect(selectsRepository(ecr, "jfrog", "docker-prod-local/a")).toBe(true);
    expect(selectsRepository(ecr, "jfrog", "other/a")).toBe(false);
  });

  it("what has not passed routeProblems is a bug", () => {
    expect(() => compileRoutes([route({ to: [to("prod", "{nope}")] })], lookup)).toThrow(TypeError);
  });
});
