import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Logger from "effect/Logger";
import { expect, it } from "vitest";
import { keepLock, type Owned } from "./supervise.ts";

const quietly = <A>(effect: Effect.Effect<A>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, Logger.layer([])));

it("the lock is kept while there is no server yet: making one takes longer than others wait for a heartbeat", async () => {
  const owned: Owned = { server: undefined, socketDirectory: "", held: true };
  const beats = Promise.withResolvers<void>();
  let count = 0;
  const lock = {
    beat: () => {
      count += 1;
      if (count === 3) beats.resolve();
      // A disk that fails for a moment is no lost lock.
      return count === 2 ? Promise.reject(new Error("EIO")) : Promise.resolve(true);
    },
    release: () => Promise.resolve(),
  };
  await quietly(
    Effect.raceFirst(
      keepLock(owned, lock, 1),
      Effect.promise(() => beats.promise),
    ),
  );
  expect(owned.held).toBe(true);
});

it("a server ends at once when the lock is lost: who took it cannot see that it runs", async () => {
  // Stands for a server: called as one, and it ends by the signal that PostgreSQL takes for "immediately".
  const directory = await mkdtemp(join(tmpdir(), "supervise-"));
  const program = join(directory, "postgres");
  // Not Node: that gives its process another name once it runs, and a server is known by its name.
  await copyFile("/bin/sleep", program);
  const child = spawn(program, ["600"]);
  const ended = once(child, "exit");
  const started = await new Promise<number>((resolve) => child.once("spawn", () => resolve(child.pid ?? 0)));
  const owned: Owned = { server: { pid: started, started: undefined }, socketDirectory: "", held: true };
  const lock = { beat: () => Promise.resolve(false), release: () => Promise.resolve() };
  await quietly(keepLock(owned, lock, 1));
  expect(owned.held).toBe(false);
  expect(await ended).toEqual([null, "SIGQUIT"]);
  await rm(directory, { recursive: true });
});
