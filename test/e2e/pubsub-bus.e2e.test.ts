import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pubSubEmulators, startPubSubEmulator } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deliveries, events, targets } from "./harness/admin.ts";
import { bigImage, push, pushMany } from "./harness/images.ts";
import { copyOf, type Lab, openLab } from "./harness/lab.ts";
import { arrival, level, unfinished } from "./harness/level.ts";
import { type Child, tail } from "./harness/process.ts";
import { startRemoteReplicator } from "./harness/replicator.ts";
import { report } from "./harness/report.ts";
import { waitFor } from "./harness/wait.ts";

const BUS = { pubsub: { project: "acme-ops", topicPrefix: "e2e" } };
const WORK = "projects/acme-ops/subscriptions/e2e.near.work";
/** So slow that a copy of the layer takes twenty seconds: time enough to be killed in it. */
const SLOW = { bandwidth: "128KiB/s" };
const LAYER_BYTES = 2_560 * 1024;
/** A lease is two minutes; then the work of a dead replicator is handed out anew. */
const AFTER_A_LEASE_MS = 240_000;
const SOON_MS = 90_000;

it("a replicator that reaches no Pub/Sub says so, and goes on trying", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drayage-e2e-"));
  const registry = { type: "oci", url: "http://127.0.0.1:9", auth: "anonymous" };
  const alone = await startRemoteReplicator("alone", {
    folder,
    target: "near",
    configuration: { instance: "end-to-end", bus: BUS, registries: { near: registry } },
    env: { PUBSUB_EMULATOR_HOST: "127.0.0.1:9", METADATA_SERVER_DETECTION: "none" },
  });
  try {
    const what = "a word about it";
    await waitFor(() => alone.output().includes("no work can be fetched"), { what, withinMs: SOON_MS });
    expect(alone.running()).toBe(true);
    expect((await alone.stop()).code).toBe(0);
  } finally {
    await alone.stop({ signal: "SIGKILL" });
    await rm(folder, { recursive: true, force: true });
  }
});

describe.each(pubSubEmulators())("replicators without a database, over Pub/Sub of the emulator $jar", (emulator) => {
  const scope = Effect.runSync(Scope.make());
  const replicators: Array<Child> = [];
  let lab: Lab;
  let host: string;

  const replicator = async (name: string): Promise<Child> => {
    const [near] = lab.targets;
    const child = await startRemoteReplicator(name, {
      folder: join(lab.folder, name),
      target: "near",
      configuration: {
        instance: "end-to-end",
        bus: BUS,
        registries: {
          source: { type: "oci", url: lab.source.url, auth: "anonymous" },
          near: { type: "oci", url: near?.url, auth: "anonymous", limits: SLOW },
        },
      },
      env: { PUBSUB_EMULATOR_HOST: host, METADATA_SERVER_DETECTION: "none" },
    });
    replicators.push(child);
    return child;
  };
  const rest = async (path: string, body: object): Promise<unknown> => {
    const answer = await request(`http://${host}/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      headersTimeout: 120_000,
    });
    return answer.body.json();
  };
  const arrivesAt = async (tag: string, digest: string, withinMs: number): Promise<void> => {
    const [near] = lab.targets;
    await waitFor(async () => (await near?.manifest(copyOf("team/big"), tag))?.digest === digest, {
      what: `team/big:${tag} at near`,
      withinMs,
      explain: () => [lab.dray.child(), ...replicators].map(tail).join("\n"),
    });
  };

  beforeAll(async () => {
    host = await Effect.runPromise(Scope.provide(startPubSubEmulator(emulator), scope));
    const env = { PUBSUB_EMULATOR_HOST: host, METADATA_SERVER_DETECTION: "none" };
    lab = await openLab({ targets: ["near"], more: { bus: BUS }, env });
    const applied = await lab.dray.command("bus", "apply");
    expect(applied.code, applied.stderr).toBe(0);
    await lab.dray.up();
    await level(lab.dray, SOON_MS);
  });
  afterAll(async () => {
    for (const child of replicators) if (child.running()) await child.stop({ signal: "SIGKILL" });
    await lab?.dispose();
    await Effect.runPromise(Scope.close(scope, Exit.void));
  });

  it("have the work of a whole repository done, and open no database", async () => {
    const [near] = lab.targets;
    if (near === undefined) throw new Error("no target");
    await replicator("one");
    await replicator("two");
    const wanted = await pushMany(lab.source.url, { repository: "team/many", count: 20, seed: "bus" });
    const { dray } = lab;
    report("20 tags over Pub/Sub", `${await arrival(near, "team/many", wanted, { dray, withinMs: SOON_MS })} ms`);
    await level(dray, SOON_MS);
    for (const name of ["one", "two"]) {
      await expect(access(join(lab.folder, name, ".drayage"))).rejects.toThrow("ENOENT");
    }
  });

  it("lose nothing when the control side is killed while they work", async () => {
    const [near] = lab.targets;
    if (near === undefined) throw new Error("no target");
    const { dray } = lab;
    const pushing = pushMany(lab.source.url, { repository: "team/control", count: 30, seed: "control" });
    await waitFor(async () => (await near.tags(copyOf("team/control"))).length >= 3, {
      what: "some of the tags at near",
      withinMs: SOON_MS,
      everyMs: 5,
    });
    await dray.kill();
    const wanted = await pushing;
    await dray.up();
    report(
      "after a kill of the control side, 30 tags",
      `${await arrival(near, "team/control", wanted, { dray, withinMs: AFTER_A_LEASE_MS })} ms`,
    );
    await level(dray, AFTER_A_LEASE_MS);
    expect(await unfinished(dray)).toEqual([]);
  });

  it("lose nothing when one is killed in the middle of a copy: another does it once the lease has run out", async () => {
    const image = bigImage("killed", LAYER_BYTES);
    await push(lab.source.url, "team/big", "killed", image);
    const holder = await waitFor(
      async () => {
        const rows = (await deliveries(lab.dray)) as ReadonlyArray<{ tag: string; state: string; leaseOwner?: string }>;
        const owner = rows.find(({ tag, state }) => tag === "killed" && state === "leased")?.leaseOwner;
        return replicators.find(({ pid }) => owner?.includes(`/${pid}/`) === true) ?? false;
      },
      { what: "a replicator with the copy", withinMs: SOON_MS },
    );
    holder.kill("SIGKILL");
    await holder.exited;
    const [near] = lab.targets;
    expect(await near?.manifest(copyOf("team/big"), "killed")).toBeUndefined();
    const begin = performance.now();
    await arrivesAt("killed", image.digest, AFTER_A_LEASE_MS);
    report("killed in the middle of a copy, until at the target", `${Math.round(performance.now() - begin)} ms`);
    await level(lab.dray, SOON_MS);
    const done = (await events(lab.dray)).filter(
      ({ type, subject }) => type.includes(".replication.succeeded.") && subject?.endsWith("team/big:killed") === true,
    );
    expect(done).toHaveLength(1);
  });

  it("that cannot take a work item leave it to the dead letters: it is shown as parked, and a retry brings it", async () => {
    for (const child of replicators) if (child.running()) await child.stop();
    const image = bigImage("dead", 1024);
    await push(lab.source.url, "team/big", "dead", image);
    // As a replicator that gives up on every item.
    await waitFor(
      async () => {
        const { receivedMessages = [] } = (await rest(`${WORK}:pull`, { maxMessages: 1, returnImmediately: true })) as {
          readonly receivedMessages?: ReadonlyArray<{ readonly ackId: string }>;
        };
        const ackIds = receivedMessages.map(({ ackId }) => ackId);
        if (ackIds.length > 0) await rest(`${WORK}:modifyAckDeadline`, { ackIds, ackDeadlineSeconds: 0 });
        return (await targets(lab.dray)).some(({ parked }) => parked === 1);
      },
      { what: "a parked delivery", withinMs: AFTER_A_LEASE_MS, everyMs: 100 },
    );
    const status = await lab.dray.command("status");
    expect(status.stdout).toContain("dead-letter");
    await replicator("three");
    const retried = await lab.dray.command("retry", "--target", "near", "--why", "a newer replicator is there");
    expect(retried.stdout).toBe("1 parked delivery will be tried again\n");
    await arrivesAt("dead", image.digest, SOON_MS);
    await level(lab.dray, SOON_MS);
    expect(await unfinished(lab.dray)).toEqual([]);
  });
});
