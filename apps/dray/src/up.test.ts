import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { image, pushImage, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Dray, drayHere, freePort, type Running } from "./dray.test-support.ts";

let scope: Scope.Closeable;
let source: StrictRegistry;
let target: StrictRegistry;
const web = image({ seed: "web" });
const TOKEN = "s3cret-token";

beforeEach(async () => {
  scope = await Effect.runPromise(Scope.make());
  const start = Effect.runPromise(Scope.provide(Effect.all([startStrictRegistry(), startStrictRegistry()]), scope));
  [source, target] = await start;
  await Effect.runPromise(pushImage(source.url, "team/web", "1.0", web));
});
afterEach(() => Effect.runPromise(Scope.close(scope, Exit.void)));

/** A drayage.yaml from the source to the target. */
const prepared = async (more = ""): Promise<{ readonly dray: Dray; readonly ingest: number }> => {
  const dray = await drayHere();
  const [ingest, admin] = [await freePort(), await freePort()];
  await writeFile(
    join(dray.folder, "drayage.yaml"),
    `version: 1
dataDir: ./data
http: { ingest: { port: ${ingest} }, admin: { port: ${admin} } }
registries:
  lab: { type: oci, url: ${source.url.origin} }
  prod: { type: oci, url: ${target.url.origin} }
routes:
  - { name: all, from: lab, to: [{ registry: prod, repository: "copies/{repository}" }] }
${more}`,
  );
  return { dray, ingest };
};

const upOf = (dray: Dray): Promise<Running> => dray.start(["up"], /"message":"drayage \S+ is up"|is up/);

/** Follows the log until a line matches. */
const heard = async (dray: Dray, what: RegExp): Promise<void> => {
  const follow = await dray.start(["events", "--since", "0", "--follow"], what);
  expect(await follow.stop("SIGINT")).toMatchObject({ code: 0, stderr: "" });
};

describe("dray up, and what people run beside it", () => {
  it("replicates, answers every question from outside, and ends with 0 on SIGTERM", async () => {
    const { dray } = await prepared();
    const up = await upOf(dray);
    await heard(dray, /ReplicationSucceeded {4}prod\/copies\/team\/web:1\.0 {2}copied/);
    expect(target.manifest("copies/team/web", "1.0")?.digest).toBe(web.digest);

    const again = await dray.run(["up"]);
    expect(again).toMatchObject({ code: 2, stdout: "" });
    expect(again.stderr).toContain(
      `${join(dray.folder, "data")} is in use by process ${up.pid}: stop it, or use another dataDir`,
    );

    const status = await dray.run(["status"]);
    expect(status).toMatchObject({ code: 0, stderr: "" });
    expect(status.stdout).toMatch(/^TARGET +STATE +LAG .*\nprod +level +- /);
    const machine = JSON.parse((await dray.run(["status", "--json"])).stdout);
    expect(machine).toMatchObject({ targets: [{ name: "prod", state: "level", owned: 1 }], parked: [] });

    const types = await dray.run(["events", "--json", "--type", "ReplicationSucceeded", "ConfigurationApplied"]);
    const events = types.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual([
      "io.drayage.configuration.applied.v1",
      "io.drayage.replication.succeeded.v1",
    ]);

    const file = join(dray.folder, "export.jsonl");
    expect(await dray.run(["events", "export", "--since", "1", "--output", file])).toMatchObject({
      code: 0,
      stdout: "",
    });
    const exported = await dray.run(["events", "export", "--since", "1"]);
    expect(exported.stdout).toBe(await readFile(file, "utf8"));
    const all = (await dray.run(["events", "--json", "--since", "0"])).stdout.split("\n");
    expect(exported.stdout.split("\n")).toEqual(all.filter((line) => line === "" || JSON.parse(line).position > 1));
    const first = await dray.run(["events", "export", "--until", "1"]);
    expect(
      first.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ specversion: "1.0", position: 1 }]);
    const taken = await dray.run(["events", "export", "--output", file]);
    expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining("name a file that does not exist") });

    expect(await dray.run(["diff"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 name compared .*in step\n$/),
    });
    target.deleteTag("copies/team/web", "1.0");
    const drift = await dray.run(["diff"]);
    expect(drift.code).toBe(1);
    expect(drift.stdout).toContain("missing  prod/copies/team/web:1.0  lab/team/web:1.0");
    expect((await dray.run(["reconciler", "--once", "--dry-run", "--target", "prod"])).code).toBe(1);
    expect(target.tags("copies/team/web")).toEqual([]);
    const once = await dray.run(["reconciler", "--once", "--json"]);
    expect(once.code).toBe(0);
    expect(JSON.parse(once.stdout)).toMatchObject({ drift: { missing: 1 }, completeness: "complete" });
    await heard(dray, /DriftFound[\s\S]*ReplicationSucceeded {4}prod\/copies\/team\/web:1\.0/);
    expect(target.tags("copies/team/web")).toEqual(["1.0"]);

    expect(await dray.run(["retry"])).toEqual({
      code: 0,
      stdout: "0 parked deliveries will be tried again\n",
      stderr: "",
    });

    expect(await dray.run(["retry", "999"])).toMatchObject({ code: 1, stderr: "dray: delivery 999 is not parked\n" });

    expect(await dray.run(["discard"])).toMatchObject({ code: 2, stdout: "" });
    expect(await dray.run(["discard", "--target", "prod", "--json"])).toMatchObject({ code: 0, stderr: "" });
    expect(await dray.run(["pause", "nowhere"])).toMatchObject({ code: 2, stderr: expect.stringContaining("prod") });
    expect(await dray.run(["pause", "prod", "--why", "maintenance"])).toEqual({
      code: 0,
      stdout: "prod is paused; what is being worked on is finished\n",
      stderr: "",
    });
    expect((await dray.run(["pause", "prod"])).stdout).toBe("prod was paused already\n");
    expect((await dray.run(["replay", "--target", "prod", "--from", "0"])).stdout).toContain("after position 0");
    await heard(dray, /ReplayRequested/);
    expect((await dray.run(["status"])).stdout).toMatch(/prod +behind \(paused\) +- +1 .*\(paused\)/);
    expect(await dray.run(["resume", "prod", "--json"])).toMatchObject({ code: 0, stderr: "" });
    await heard(
      dray,
      /TargetPaused +targets\/prod {2}maintenance[\s\S]*TargetResumed[\s\S]*ReplicationSucceeded .* unchanged/,
    );

    target.deleteTag("copies/team/web", "1.0");
    const estimated = await dray.run(["backfill", "--route", "all", "--dry-run", "--json"]);
    expect(JSON.parse(estimated.stdout)).toMatchObject({
      drift: { missing: 1 },
      estimates: [{ target: "prod", tags: 1, sampled: 1, bytes: expect.any(Number) }],
    });
    expect((await dray.run(["backfill", "--route", "all", "--pause"])).stdout).toBe("backfill of prod is paused\n");
    const asked = await dray.run(["backfill", "--route", "all", "--window", "always"]);
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining("1 missing") });
    await heard(dray, /DriftFound/);
    const held = JSON.parse((await dray.run(["status", "--json"])).stdout);
    expect(held).toMatchObject({ targets: [{ backlog: 1, backfill: 1, lagSeconds: 0 }] });
    expect(target.tags("copies/team/web")).toEqual([]);
    expect(await dray.run(["backfill", "--route", "all", "--resume", "--window", "20-6"])).toMatchObject({ code: 2 });
    expect((await dray.run(["backfill", "--route", "all", "--resume"])).code).toBe(0);
    await heard(dray, /TargetResumed[\s\S]*ReplicationSucceeded .* copied/);

    const config = await readFile(join(dray.folder, "drayage.yaml"), "utf8");
    await writeFile(join(dray.folder, "changed.yaml"), config.replace("copies/", "other/"));
    expect((await dray.run(["-c", "changed.yaml", "status"])).stderr).toContain("has another configuration (revision ");

    const ended = await up.stop("SIGTERM");
    expect(ended.code).toBe(0);
    expect(ended.stderr).not.toMatch(/"level":"(error|fatal)"/);

    const after = await dray.run(["status"]);
    expect(after).toMatchObject({ code: 2, stdout: "" });
    expect(after.stderr).toContain("start it with `dray up`");
    const alone = await dray.run(["diff"]);
    expect(alone).toMatchObject({ code: 0 });
    expect(alone.stderr).toContain("without our own records");
  });

  it("asks for the token that admin.tokens wants", async () => {
    const hash = createHash("sha256").update(TOKEN).digest("hex");
    const { dray } = await prepared(`admin: { tokens: [{ name: ci, role: viewer, hash: "sha256:${hash}" }] }\n`);
    await upOf(dray);
    const none = await dray.run(["status"]);
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("      set DRAYAGE_TOKEN to one of admin.tokens\n"),
    });
    const wrong = await dray.run(["events"], { env: { DRAYAGE_TOKEN: "nope" } });
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("does not know the token in DRAYAGE_TOKEN"),
    });
    expect((await dray.run(["status"], { env: { DRAYAGE_TOKEN: TOKEN } })).code).toBe(0);
  });

  it("with a port that is taken ends with 2 and leaves no database behind", async () => {
    const { dray, ingest } = await prepared();
    const other = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => other.listen(ingest, "127.0.0.1", resolve));
    onTestFinished(() => new Promise<void>((resolve) => void other.close(() => resolve())));
    expect((other.address() as AddressInfo).port).toBe(ingest);
    const up = await dray.run(["up"]);
    expect(up.code).toBe(2);
    expect(up.stderr).toMatch(new RegExp(`dray: .*127\\.0\\.0\\.1:${ingest}`));
    expect((await dray.run(["retry"])).stderr).toContain("no server runs for");
  });
});
