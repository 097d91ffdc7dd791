import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  image,
  index,
  pushImage,
  type StrictRegistry,
  signatureFor,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Dray, drayHere } from "./dray.test-support.ts";

/** Source without credentials, one target of each way to ask for them. */
let scope: Scope.Closeable;
let source: StrictRegistry;
let basic: StrictRegistry;
let token: StrictRegistry;
let dray: Dray;
const USERS = [{ name: "me", password: "secret" }];

const multiArch = index({
  children: ["amd64", "arm64"].map((architecture) =>
    image({ seed: architecture, platform: { os: "linux", architecture }, layers: [2048, 4096] }),
  ),
});
const plain = image({ seed: "plain" });
const signature = signatureFor(multiArch);

beforeEach(async () => {
  scope = await Effect.runPromise(Scope.make());
  const start = (options: Parameters<typeof startStrictRegistry>[0]) =>
    Effect.runPromise(Scope.provide(startStrictRegistry(options), scope));
  source = await start({});
  basic = await start({ auth: { _tag: "Basic", users: USERS } });
  token = await start({ auth: { _tag: "Token", users: USERS } });
  await Effect.runPromise(
    Effect.all([
      pushImage(source.url, "team/web", "1.0", multiArch),
      pushImage(source.url, "team/web", undefined, signature),
      pushImage(source.url, "team/web", "plain", plain),
    ]),
  );
  dray = await drayHere();
  const login = { auth: Buffer.from("me:secret").toString("base64") };
  await writeFile(
    join(dray.folder, "config.json"),
    JSON.stringify({ auths: { [basic.host]: login, [token.host]: login } }),
  );
});
afterEach(() => Effect.runPromise(Scope.close(scope, Exit.void)));

const withLogin = () => ({ env: { DOCKER_CONFIG: dray.folder } });

describe("dray copy", () => {
  it("carries all tags over an air gap: to a directory, and from there to another registry", async () => {
    const layout = `oci:${join(dray.folder, "carried")}`;
    const out = await dray.run(["copy", `${source.host}/team/web`, layout, "--all-tags", "--referrers"]);
    expect(out).toMatchObject({ code: 0 });
    expect(out.stdout).toContain(`${layout}:1.0`);
    const back = await dray.run(["copy", layout, `${basic.host}/far/web`, "--all-tags", "--referrers"], withLogin());
    expect(back).toMatchObject({ code: 0 });
    expect(basic.manifest("far/web", "1.0")?.digest).toBe(multiArch.digest);
    expect(basic.manifest("far/web", "plain")?.digest).toBe(plain.digest);
    expect(basic.manifest("far/web", signature.digest)).toBeDefined();
  });

  it("says that a directory is no layout, and which of the two names it was", async () => {
    const none = await dray.run(["copy", `oci:${dray.folder}:1`, `${source.host}/team/web:2`]);
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toMatch(/source: read manifest oci:.*no OCI image layout: it has no file oci-layout/);
  });

  it("moves an image with its signature, to registries that ask for a password and for a token, and again for nothing", async () => {
    const from = `${source.host}/team/web:1.0`;
    for (const target of [basic, token]) {
      const copied = await dray.run(["copy", from, `${target.host}/mirror/web`, "--referrers"], withLogin());
      expect(copied).toMatchObject({ code: 0, stderr: "" });
      expect(copied.stdout).toContain(`${target.host}/mirror/web:1.0  ${multiArch.digest}  blobs: `);
      expect(copied.stdout).toContain(", 1 referrer  ");
      for (const reference of ["1.0", signature.digest]) {
        expect(target.manifest("mirror/web", reference)?.bytes).toEqual(source.manifest("team/web", reference)?.bytes);
      }
      expect(target.danglingReferences()).toEqual([]);
    }
    const again = await dray.run(["copy", from, `${token.host}/mirror/web`], withLogin());
    expect(again.stdout).toBe(`${token.host}/mirror/web:1.0  ${multiArch.digest}  already there\n`);
  });

  it("--artifact-type leaves referrers of other types behind", async () => {
    const args = ["copy", `${source.host}/team/web:1.0`, `${basic.host}/b`, "--referrers", "--json", "--artifact-type"];
    const other = await dray.run([...args, "application/spdx+json"], withLogin());
    expect(JSON.parse(other.stdout)).toMatchObject({ referrers: 0 });
    const own = await dray.run([...args, "application/vnd.dev.sigstore.bundle.v0.3+json"], withLogin());
    expect(JSON.parse(own.stdout)).toMatchObject({ referrers: 1 });
    expect(basic.manifest("b", signature.digest)).toBeDefined();
  });

  it("--deep heals a half image, and --json tells all of it", async () => {
    const names = [`${source.host}/team/web:1.0`, `${basic.host}/mirror/web`] as const;
    await dray.run(["copy", ...names], withLogin());
    const child = multiArch.children[0]?.digest ?? "";
    basic.deleteManifest("mirror/web", child);
    expect((await dray.run(["copy", ...names], withLogin())).stdout).toContain("already there");
    const healed = await dray.run(["copy", ...names, "--deep", "--json"], withLogin());
    expect(JSON.parse(healed.stdout)).toMatchObject({
      source: names[0],
      target: `${names[1]}:1.0`,
      digest: multiArch.digest,
      blobs: { copied: 0, present: 6 },
    });
    expect(basic.danglingReferences()).toEqual([]);
  });

  it("--platform takes one image of an index: refused where the index needs all, else with an index of its own", async () => {
    const from = `${source.host}/team/web:1.0`;
    const kept = await dray.run(["copy", from, `${basic.host}/b`, "--platform", "linux/amd64"], withLogin());
    expect(kept).toMatchObject({ code: 1, stdout: "" });
    expect(kept.stderr).toContain("sparse-index-refused");
    expect(basic.tags("b")).toEqual([]);

    const layout = `oci:${join(dray.folder, "one")}`;
    for (const to of [`${basic.host}/b:1.0`, `${layout}:1.0`]) {
      const args = ["copy", from, to, "--platform", "linux/amd64", "--rewrite-index", "--json"];
      const dry = await dray.run([...args, "--dry-run"], withLogin());
      const ran = await dray.run(args, withLogin());
      expect(ran).toMatchObject({ code: 0, stderr: "" });
      const { digest, sourceDigest, manifests } = JSON.parse(ran.stdout);
      expect([sourceDigest, manifests]).toEqual([multiArch.digest, [digest, multiArch.children[0]?.digest]]);
      expect(JSON.parse(dry.stdout)).toMatchObject({ action: "copy", wanted: digest });
      const again = await dray.run([...args, "--dry-run"], withLogin());
      expect(JSON.parse(again.stdout)).toMatchObject({ action: "nothing to do", held: digest });
    }
    expect(basic.danglingReferences()).toEqual([]);
  });

  it.each([
    [["--platform", "amd64"], "--platform amd64 is no platform"],
    [["--artifact-type", "a/b"], "--artifact-type chooses among referrers"],
    [["--rewrite-index"], "--rewrite-index says how a choice of platforms is put"],
  ])("%j is refused before anything is asked: exit 2", async (more, why) => {
    const ran = await dray.run(["copy", `${source.host}/team/web:1.0`, `${basic.host}/b`, ...more], withLogin());
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain(why);
  });

  it("--all-tags ends with a summary; --dry-run changes nothing", async () => {
    const names = ["--all-tags", `${source.host}/team/web`, `${basic.host}/mirror/web`];
    const dry = await dray.run(["copy", ...names, "--dry-run"], withLogin());
    expect(dry.code).toBe(0);
    expect(dry.stdout.split("\n").sort()).toEqual([
      "",
      `copy: ${basic.host}/mirror/web:1.0  ${multiArch.digest}`,
      `copy: ${basic.host}/mirror/web:plain  ${plain.digest}`,
    ]);
    expect(basic.repositories()).toEqual([]);
    const copied = await dray.run(["copy", ...names], withLogin());
    expect(copied).toMatchObject({ code: 0, stderr: "" });
    expect(copied.stdout).toMatch(/\n2 tags: 2 copied, 0 already there; blobs: \d+ copied \(.*\), .* s\n$/);
    expect(basic.tags("mirror/web")).toEqual(["1.0", "plain"]);
    basic.putTag("mirror/web", "1.0", plain.digest);
    expect((await dray.run(["copy", ...names, "--dry-run"], withLogin())).stdout).toMatch(
      /overwrite: .*:1\.0 .*\n|nothing to do: .*:plain/,
    );
  });

  it("one bad tag of many is said, the others go, and the exit code is 1", async () => {
    source.deleteManifest("team/web", multiArch.children[1]?.digest ?? "");
    const ran = await dray.run(["copy", "-a", `${source.host}/team/web`, `${basic.host}/mirror/web`], withLogin());
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`dray: ${source.host}/team/web:1.0: source: `);
    expect(ran.stderr).toContain("dray: 1 of 2 tags were not copied\n");
    expect(basic.tags("mirror/web")).toEqual(["plain"]);
  });

  it.each([
    ["a tag that is not there", () => `${source.host}/team/web:9`, () => `${basic.host}/b`, "source: "],
    ["no login at the target", () => `${source.host}/team/web:1.0`, () => `${token.host}/b`, "unauthorized (401"],
    ["a source that does not listen", () => "127.0.0.1:9/a:1", () => `${basic.host}/b`, "source: "],
  ])("%s: exit 1, with side and reason", async (what, from, to, why) => {
    const ran = await dray.run(["copy", from(), to()], what.startsWith("no login") ? {} : withLogin());
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain(why);
    const machine = await dray.run(["copy", from(), to(), "--json"], what.startsWith("no login") ? {} : withLogin());
    expect(JSON.parse(machine.stdout)).toMatchObject({ source: from(), error: { side: expect.any(String) } });
  });

  it("--all-tags of a repository that cannot be listed tries nothing: exit 2", async () => {
    const ran = await dray.run(["copy", "-a", `${basic.host}/mirror/web`, `${source.host}/b`]);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("unauthorized");
  });

  it("a broken config of Docker is an error that says how to mend it", async () => {
    await writeFile(join(dray.folder, "config.json"), "{");
    const ran = await dray.run(["copy", `${source.host}/team/web:1.0`, `${basic.host}/b`], withLogin());
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("      mend Docker's config.json");
  });
});
