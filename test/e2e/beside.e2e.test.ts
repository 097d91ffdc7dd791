import { mkdir } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { run } from "../tools/run.ts";
import { privateCheckout } from "./harness/checkout.ts";
import { databaseUsers } from "./harness/database.ts";
import { CHECKOUT, drayCommand } from "./harness/dray.ts";
import { pushMany } from "./harness/images.ts";
import { type Lab, type LabOptions, openLab } from "./harness/lab.ts";
import { arrival, level } from "./harness/level.ts";
import { start } from "./harness/process.ts";

/** As root the database runs as the first of these that exists: here the list lacks `postgres`, as on a machine without that user. */
const NO_POSTGRES_USER = { DRAYAGE_POSTGRES_USERS: "nobody" };
const expectedUser = async (): Promise<number> => {
  const own = process.getuid?.();
  return own === undefined || own === 0 ? Number((await run("id", ["-u", "nobody"])).stdout) : own;
};

const TAGS = 5;
const WITHIN_MS = 60_000;

describe("dray up and what is around it", () => {
  let lab: Lab | undefined;
  afterEach(async () => {
    await lab?.dispose();
    lab = undefined;
  });
  const open = async (options: LabOptions = {}): Promise<Lab> => {
    lab = await openLab({ targets: ["near"], ...options });
    await lab.dray.up();
    await level(lab.dray, WITHIN_MS);
    return lab;
  };
  const replicates = async ({ source, targets, dray }: Lab, repository: string): Promise<void> => {
    const pushed = await pushMany(source.url, { repository, count: TAGS, seed: repository });
    for (const target of targets) await arrival(target, repository, pushed, { dray, withinMs: WITHIN_MS });
  };

  it("is not disturbed by other commands, not even by one that is killed", async () => {
    const open6 = await open();
    const { dray, folder } = open6;
    await replicates(open6, "team/before");
    const { pid } = dray.child();
    const beside = await Promise.all([
      dray.command("status"),
      dray.command("diff"),
      dray.command("events", "--json"),
      dray.command("diff", "--json"),
    ]);
    for (const { code, stderr } of beside) expect(code, stderr).toBe(0);

    const configuration = { ...process.env, DRAYAGE_CONFIG: `${folder}/dray/drayage.yaml`, DRAYAGE_E2E_SECRET: "x" };
    const killed = await start(process.execPath, [...drayCommand(CHECKOUT), "diff"], {
      name: "dray diff",
      log: `${folder}/diff.log`,
      env: configuration,
    });
    await killed.stop({ signal: "SIGKILL" });

    expect(dray.child().pid).toBe(pid);
    expect(dray.child().running()).toBe(true);
    await replicates(open6, "team/after");
    await level(dray, WITHIN_MS);
    expect(await dray.down()).toEqual({ code: 0, signal: null });
  });

  it("refuses a second dray up on the same data, and the first goes on", async () => {
    const open6 = await open();
    const second = await open6.dray.command("up");
    expect(second.code).not.toBe(0);
    expect(second.stderr.trim()).not.toBe("");
    expect(open6.dray.child().running()).toBe(true);
    await replicates(open6, "team/first");
  });

  it("does its job where there is no postgres user", async () => {
    const without = await open({ env: NO_POSTGRES_USER });
    expect(await databaseUsers(without.dray.dataDir)).toEqual([await expectedUser()]);
    await replicates(without, "team/no-postgres-user");
  });

  it("does its job from a checkout, and on data, that no other user can reach", async () => {
    const checkout = async (folder: string): Promise<string> => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return privateCheckout(folder);
    };
    await replicates(await open({ checkout, env: NO_POSTGRES_USER }), "team/private");
  });
});
