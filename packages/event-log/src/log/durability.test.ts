/** Invariant 1: an append that was answered survives kill -9 of the process that answered and of the database. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import * as Stream from "effect/Stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { layerDatabase } from "../database/layer.ts";
import { layoutOf } from "../embedded/cluster.ts";
import { findPostmaster } from "../embedded/postmaster.ts";
import { seedCluster } from "../testing/cluster-template.ts";
import { spawnProgram } from "../testing/run-program.ts";
import { EventLog } from "./event-log.ts";
import { eventLogMigrations } from "./migrations.ts";

const TEST = { timeout: 120_000 };
const ROUNDS = 5;
/** Acknowledged events after which the database is killed for the first time. */
const DIES_AFTER = 40;
let dataDir = "";
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "durability-"));
  await seedCluster(dataDir);
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const withLog = <A, E>(body: Effect.Effect<A, E, EventLog>) => {
  const database = layerDatabase({
    database: { _tag: "Embedded", dataDir },
    instance: "test",
    migrations: [eventLogMigrations],
  });
  return Effect.runPromise(Effect.scoped(Effect.provide(body, Layer.provideMerge(EventLog.layer, database))));
};
/** Never 0, which as the target of a signal means ourselves and all our kin. */
const serverPid = async (): Promise<number> =>
  (await findPostmaster(layoutOf(dataDir).cluster))?.pid ?? expect.unreachable("no server runs");

const storedIds = Effect.gen(function* () {
  const log = yield* EventLog;
  const ids = new Set<string>();
  for (let after = 0; ; ) {
    const page = yield* log.read({ after, limit: 5_000 });
    for (const event of page) ids.add(event.id);
    const last = page.at(-1);
    if (last === undefined) return ids;
    after = last.position;
  }
});

describe("no acknowledged event is lost", () => {
  it("when process and database are killed again and again, in turn and together", TEST, async () => {
    const acknowledged = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const together = round % 4 === 3;
      const child = spawnProgram("./append-program.ts", [dataDir]);
      const ended = once(child, "exit");
      const dies = DIES_AFTER + round * 7; // at another place of its work each time
      let here = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        const [word, id] = line.split(" ");
        if (word !== "appended" || id === undefined) continue; // a line of the program's log
        acknowledged.add(id);
        here++;
        if (here === dies) process.kill(await serverPid(), "SIGKILL");
        // Else it goes on after its database is back.
        if (here === (together ? dies : 2 * dies)) child.kill("SIGKILL");
      }
      await ended;
    }
    const stored = await withLog(storedIds);
    expect(acknowledged.size).toBeGreaterThan(ROUNDS * DIES_AFTER);
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
  });

  it("nor missed by a subscriber that lives through it", TEST, async () => {
    const wanted = 400;
    const { acknowledged, seen } = await withLog(
      Effect.gen(function* () {
        const log = yield* EventLog;
        const acknowledged: Array<string> = [];
        const seen: Array<string> = [];
        const patiently = Effect.retry(log.append([{ type: "t", source: "s", data: {} }]), {
          while: (error) => error._tag === "LogUnavailable" && error.transient,
        });
        const subscriber = yield* Effect.forkChild(
          log.subscribe({ after: 0, batch: 50 }).pipe(
            Stream.tap((events) => Effect.sync(() => seen.push(...events.map((event) => event.id)))),
            Stream.takeUntil(() => acknowledged.length >= wanted && acknowledged.every((id) => seen.includes(id))),
            Stream.runDrain,
          ),
        );
        const killer = Effect.promise(async () => void process.kill(await serverPid(), "SIGKILL"));
        for (let i = 0; i < wanted; i++) {
          if (i % 150 === 100) yield* killer;
          const [one] = yield* patiently;
          acknowledged.push(one?.id ?? "");
        }
        yield* patiently; // not wanted of the subscriber, which may have ended: it wakes it once more, for its last look
        yield* Fiber.join(subscriber);
        return { acknowledged, seen };
      }),
    );
    expect(acknowledged.filter((id) => !seen.includes(id))).toEqual([]);
    expect(new Set(seen).size).toBe(seen.length);
  });
});
