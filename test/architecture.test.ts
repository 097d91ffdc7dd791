import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { APPS, COMPOSER, IMPORT_RULES, isAllowed } from "./architecture/import-rules.ts";
import { importsOf, resolvedImports } from "./architecture/imports.ts";
import { TEXT_RULES } from "./architecture/text-rules.ts";
import { allFiles, isTestFile, lockedWorkspaces, ROOT, rootManifest, workspaces } from "./architecture/workspaces.ts";

/** Larger than this a file has more than one subject. Most are under 200. */
const LINES_MAX = 400;

const all = workspaces();
const files = allFiles();
const sources = all.flatMap((workspace) => workspace.sources);

/** An empty list passes; otherwise each line is one thing to mend. */
const none = (violations: ReadonlyArray<string>): void => {
  expect(violations.join("\n")).toBe("");
};

describe("imports", () => {
  it.each(IMPORT_RULES)("$why", (rule) => {
    const about = sources.filter(({ path }) => rule.files(path));
    expect(about.length, "the rule is about no file at all").toBeGreaterThan(0);
    expect(isAllowed(rule, rule.wrong), `the rule lets ${rule.wrong} pass`).toBe(false);
    none(
      about.flatMap((file) =>
        resolvedImports(file)
          .filter((specifier) => !isAllowed(rule, specifier))
          .map((specifier) => `${file.path} imports ${specifier}: ${rule.why}`),
      ),
    );
  });

  it("names every app in the rules, and no other", () => {
    const folders = all.map(({ folder }) => folder).filter((folder) => folder.startsWith("apps/"));
    expect([...folders].sort()).toEqual([...APPS.map((app) => `apps/${app}`), COMPOSER].sort());
  });

  it("finds every form of import", () => {
    const text = `
      import * as A from "a";
      import type { B } from 'b';
      import "c";
      export { d } from "d";
      export * from "e";
      const f = await import("f");
      import {
        g,
      } from "g";
      // import x from "comment";
      /** import y from "comment"; */
    `;
    expect([...importsOf(text)].sort()).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
  });
});

describe("sources", () => {
  it.each(TEXT_RULES)("$why", ({ files: isAbout, forbidden, except = {}, wrong, why }) => {
    const about = files.filter(({ path }) => isAbout(path));
    expect(about.length, "the rule is about no file at all").toBeGreaterThan(0);
    expect(forbidden.test(wrong), "the rule does not find what it forbids").toBe(true);
    const found = about.filter(({ text }) => forbidden.test(text)).map(({ path }) => path);
    none(found.filter((path) => except[path] === undefined).map((path) => `${path}: ${why}`));
    none(
      Object.keys(except)
        .filter((path) => !found.includes(path))
        .map((path) => `${path} is excepted for nothing`),
    );
  });

  it(`have at most ${LINES_MAX} lines`, () => {
    const ours = files.filter(({ path }) => /\.(?:ts|mjs|cjs)$/.test(path));
    expect(ours.length).toBeGreaterThan(0);
    const long = ours
      .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
      .filter((f) => f.lines > LINES_MAX);
    none(
      long.map(({ path, lines }) => `${path} has ${lines} lines, more than ${LINES_MAX}: it has more than one subject`),
    );
  });

  it("have their tests beside them", () => {
    const tests = files
      .map(({ path }) => path)
      .filter((path) => /^(?:packages|apps)\/.*\.(?:test|spec)\.[cm]?[jt]sx?$/.test(path));
    expect(tests.length).toBeGreaterThan(0);
    none(
      tests
        .filter((path) => !/^(?:packages|apps)\/[^/]+\/src\/.+\.test\.ts$/.test(path))
        .map((path) => `${path} is not beside its source`),
    );
    none(
      all
        .filter(({ sources: own }) => !own.some(({ path }) => path.endsWith(".test.ts")))
        .map(({ folder }) => `${folder} has no test`),
    );
  });
});

describe("packages", () => {
  it("are the workspaces of the root", () => {
    expect(rootManifest().workspaces).toEqual(["packages/*", "apps/*", "test"]);
    expect(all.length).toBeGreaterThan(0);
  });

  it.each(all)("$folder says what it is", ({ folder, manifest, tags, sources: own }) => {
    const name = folder.split("/")[1];
    expect(manifest.name).toBe(`@drayage/${name}`);
    expect(manifest.description, "a description").toMatch(/\w{3}/);
    expect(manifest.license).toBe("Apache-2.0");
    expect(manifest.type).toBe("module");
    expect(manifest.files, "only dist is shipped").toEqual(["dist"]);
    expect(Object.keys(manifest.scripts ?? {}).sort()).toEqual(
      expect.arrayContaining(["build", "lint", "test", "typecheck"]),
    );
    expect(tags, "one turbo tag").toHaveLength(1);
    expect(
      own.some(({ path }) => !isTestFile(path)),
      "no empty shells",
    ).toBe(true);
  });

  it("have the versions of one release, and exact dependencies", () => {
    expect(new Set(all.map(({ manifest }) => manifest.version)).size).toBe(1);
    const loose = [{ folder: ".", manifest: rootManifest() }, ...all].flatMap(({ folder, manifest }) =>
      Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${folder}: ${name}@${version} is not an exact version`),
    );
    none(loose);
  });

  it("are in the lock file as they are", () => {
    const locked = lockedWorkspaces();
    const off = [{ folder: "", manifest: rootManifest() }, ...all].flatMap(({ folder, manifest }) =>
      (["dependencies", "devDependencies", "optionalDependencies"] as const)
        .filter((kind) => !isDeepStrictEqual(manifest[kind] ?? {}, locked[folder]?.[kind] ?? {}))
        .map(
          (kind) => `${folder || "."}: ${kind} of package.json are not those of package-lock.json: run npm run lock`,
        ),
    );
    none(off);
  });

  it("offer their sources under drayage-source and their build to everybody else", () => {
    const doors = all.flatMap(({ folder, manifest }) =>
      Object.entries(manifest.exports ?? {})
        .filter(([door]) => door !== "./package.json")
        .map(([door, targets]) => ({ door: `${folder} ${door}`, targets })),
    );
    expect(doors.length).toBeGreaterThan(0);
    for (const { door, targets } of doors) {
      expect(targets, door).toEqual({
        "drayage-source": expect.stringMatching(/^\.\/src\/.+\.ts$/),
        types: expect.stringMatching(/^\.\/dist\/.+\.d\.ts$/),
        default: expect.stringMatching(/^\.\/dist\/.+\.js$/),
      });
    }
  });
});

describe("docs/invariants.md", () => {
  const page = readFileSync(join(ROOT, "docs/invariants.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\| \d+ \|/.test(line));

  it("has a row for each invariant, with owner, run time and test", () => {
    expect(rows.map((row) => Number(row.split("|")[1]))).toEqual(Array.from({ length: 11 }, (_, n) => n + 1));
    none(
      rows.filter((row) =>
        row
          .split("|")
          .slice(2, -1)
          .some((cell) => cell.trim() === ""),
      ),
    );
  });

  it("names files that exist, and tests that they have", () => {
    const named = [...page.matchAll(/`([a-z-]+\/[^` ]+)`(?: "([^"]+)")?/g)];
    expect(named.length).toBeGreaterThan(rows.length);
    none(
      named.flatMap(([, path = "", test]) => {
        if (!existsSync(join(ROOT, path))) return [`${path} does not exist`];
        return test === undefined || readFileSync(join(ROOT, path), "utf8").includes(test)
          ? []
          : [`${path} has no test "${test}"`];
      }),
    );
  });
});
