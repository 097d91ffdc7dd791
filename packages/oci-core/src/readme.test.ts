import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { cosignArtefactFor, multiPlatform, pushImage, startStrictRegistry } from "./testing/index.ts";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const PASSWORD = "from the environment";

/** The example below a heading, as it stands in the README. */
const example = async (heading: string): Promise<string> => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const [, section = ""] = readme.split(`## ${heading}\n`);
  const [, code] = /```ts\n([\s\S]*?)```/.exec(section.split("\n## ", 1)[0] ?? "") ?? [];
  return code ?? expect.unreachable(`no example below "${heading}"`);
};

/** Runs it as a program of its own; only the hosts are others. */
const run = Effect.fnUntraced(function* (heading: string) {
  const source = yield* startStrictRegistry();
  const users = [{ name: "robot", password: PASSWORD }];
  const target = yield* startStrictRegistry({ auth: { _tag: "Token", users } });
  const mirror = yield* startStrictRegistry();
  const third = yield* startStrictRegistry();
  const fixture = multiPlatform({ seed: "readme" });
  const signature = cosignArtefactFor(fixture);
  yield* pushImage(source.url, "team/app", "1.4", fixture);
  yield* pushImage(source.url, "team/app", "1.5", fixture);
  yield* pushImage(source.url, "team/app", signature.tag, signature.image);
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "drayage-readme-"))),
    (made) => Effect.promise(() => rm(made, { recursive: true, force: true })),
  );
  const code = (yield* Effect.promise(() => example(heading)))
    .replaceAll(/`https:\/\/\$\{name\}\.example\.com`/g, 'ORIGINS[name] ?? ""')
    .replaceAll("/var/tmp/drayage-spool", folder)
    .replaceAll("https://mirror.example.com", mirror.url.origin)
    .replaceAll("https://source.example.com", source.url.origin)
    .replaceAll("https://target.example.com", target.url.origin)
    .replaceAll("source.example.com", source.host)
    .replaceAll("target.example.com", target.host);
  const origins = { source: source.url.origin, mirror: mirror.url.origin, third: third.url.origin };
  const program = `const ORIGINS: Record<string, string> = ${JSON.stringify(origins)};\n${code}`;
  const flags = ["--conditions=drayage-source", "--input-type=module-typescript", "--eval", program];
  const { stdout } = yield* Effect.promise(() =>
    promisify(execFile)(process.execPath, flags, {
      cwd: PACKAGE,
      env: { ...process.env, TARGET_PASSWORD: PASSWORD },
    }),
  );
  return { stdout, target, mirror, third, fixture };
});

describe("the examples of the README", () => {
  it.live("resolve", () =>
    Effect.gen(function* () {
      const { stdout, fixture } = yield* run("Resolve a tag");
      expect(stdout).toBe(`${fixture.digest} ${fixture.mediaType}\n`);
    }).pipe(Effect.scoped),
  );
  it.live("copy", () =>
    Effect.gen(function* () {
      const { stdout, target, fixture } = yield* run("Copy an image");
      expect(stdout).toBe(`copied ${fixture.digest} 6 blobs copied, 0 mounted\n`);
      expect(target.manifest("mirror/app", "1.4")?.digest).toBe(fixture.digest);
      expect(target.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );
  it.live("all tags", () =>
    Effect.gen(function* () {
      const { stdout, mirror } = yield* run("Copy all tags of a repository");
      expect(stdout).toBe("2 of 2 tags copied, 0 failed\n");
      expect(mirror.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );
  it.live("one platform", () =>
    Effect.gen(function* () {
      const { stdout, mirror, fixture } = yield* run("Copy one platform");
      expect(stdout).toBe("rewritten 2\n");
      expect(mirror.manifest("team/app", fixture.children[0]?.digest ?? "")).toBeDefined();
      expect(mirror.danglingReferences()).toEqual([]);
    }).pipe(Effect.scoped),
  );
  it.live("several targets", () =>
    Effect.gen(function* () {
      const { stdout, mirror, third, fixture } = yield* run("Copy to several targets");
      expect(stdout).toBe("copied\ncopied\n");
      for (const one of [mirror, third]) expect(one.manifest("team/app", "1.4")?.digest).toBe(fixture.digest);
    }).pipe(Effect.scoped),
  );
  it.live("list", () =>
    Effect.gen(function* () {
      const { stdout } = yield* run("List tags");
      expect(stdout.trim().split("\n").sort()).toEqual(["1.4", "1.5"]);
    }).pipe(Effect.scoped),
  );
});
