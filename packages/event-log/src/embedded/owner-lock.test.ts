import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FOREIGN_STALE_MS, type OwnerLock, tryOwnerLock } from "./owner-lock.ts";
import { ownIdentity, running } from "./process.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "owner-lock-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const isLock = (found: Awaited<ReturnType<typeof tryOwnerLock>>): found is OwnerLock => "beat" in found;
const write = (generation: number, content: unknown) =>
  writeFile(join(dir, `owner.${generation}`), JSON.stringify(content));

/** A process that has ended, as its lock file would name it. */
const dead = async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const pid = child.pid ?? expect.unreachable("sleep did not start");
  const identity = { ...(await ownIdentity()), pid, started: (await running(pid))?.started ?? "" };
  child.kill("SIGKILL");
  await once(child, "exit");
  return identity;
};

describe("the owner lock", () => {
  it("is had by one, until it is released", async () => {
    const lock = await tryOwnerLock(dir);
    if (!isLock(lock)) return expect.unreachable();
    expect(await tryOwnerLock(dir)).toEqual({ _tag: "Held", pid: process.pid, foreign: false });
    expect(await lock.beat()).toBe(true);
    await lock.release();
    expect(isLock(await tryOwnerLock(dir))).toBe(true);
  });

  it("is let go by a process that was killed", async () => {
    await write(7, await dead());
    expect(isLock(await tryOwnerLock(dir))).toBe(true);
    expect(await readdir(dir)).toEqual(["owner.8"]);
  });

  it("is not held by another process that got the same number", async () => {
    await write(1, { ...(await ownIdentity()), started: "1" });
    expect(isLock(await tryOwnerLock(dir))).toBe(true);
  });

  it("is had by one of many that find a dead holder", async () => {
    const holder = await dead();
    for (let round = 1; round <= 20; round++) {
      await write(round * 10, holder);
      const found = await Promise.all(Array.from({ length: 12 }, () => tryOwnerLock(dir)));
      const locks = found.filter(isLock);
      expect(locks).toHaveLength(1);
      await locks[0]?.release();
    }
    expect(await readdir(dir)).toHaveLength(1);
  });

  it("is lost by who was overtaken, who then touches nothing", async () => {
    const lock = await tryOwnerLock(dir);
    if (!isLock(lock)) return expect.unreachable();
    const winner = await ownIdentity();
    await write(2, winner);
    expect(await lock.beat()).toBe(false);
    await lock.release();
    expect(JSON.parse(await readFile(join(dir, "owner.2"), "utf8"))).toEqual(winner);
  });

  it("of another container or machine is held as long as it beats", async () => {
    const path = join(dir, "owner.1");
    await write(1, { pid: 1, started: "1", space: "elsewhere" });
    expect(await tryOwnerLock(dir)).toEqual({ _tag: "Held", pid: 1, foreign: true });
    const old = new Date(Date.now() - FOREIGN_STALE_MS - 1_000);
    await utimes(path, old, old);
    expect(isLock(await tryOwnerLock(dir))).toBe(true);
  });

  it("with a file that cannot be read is held until it is old", async () => {
    await writeFile(join(dir, "owner.1"), "{");
    expect(isLock(await tryOwnerLock(dir))).toBe(false);
  });
});

it("a zombie has ended", async () => {
  // The shell becomes a sleep that never reaps the child which it got as a shell.
  const child = spawn("/bin/sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  const pid = Number(String((await once(child.stdout, "data"))[0]));
  while ((await running(pid)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(process.kill(pid, 0)).toBe(true);
  child.kill("SIGKILL");
});
