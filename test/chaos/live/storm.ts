import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../simulation/core/chance.ts";
import type { Installation } from "./installation.ts";
import type { ProxyMode } from "./proxy.ts";
import type { RoleProcess } from "./roles.ts";

/** What was done to the installation, by its kind. */
export type Blows = Record<
  "replicator" | "ingest" | "other role" | "database" | "registry" | "standstill" | "partition",
  number
>;

export interface Storm {
  readonly blows: Blows;
  /** Ends it: all partitions heal, everything that is down is started again. */
  readonly end: () => Promise<void>;
}

/** Between two blows, ms. */
const EVERY_MS = [1_500, 4_000] as const;
/** A supervisor starts a process again after this, ms. */
const RESTART_MS = [300, 3_000] as const;
const STANDSTILL_MS = [3_000, 20_000] as const;
const PARTITION_MS = [1_000, 8_000] as const;

/** Strikes every few seconds until it is ended: kill -9 of any process, standstills and partitions. Only what the installation started is struck, by its pid. */
export const startStorm = (installation: Installation, chance: Chance): Storm => {
  const blows: Blows = {
    replicator: 0,
    ingest: 0,
    "other role": 0,
    database: 0,
    registry: 0,
    standstill: 0,
    partition: 0,
  };
  const stopping = new AbortController();
  const healing = new Set<Promise<void>>();
  /** Undoes a blow after a while, or at once at the end. */
  const heal = (ms: number, how: () => Promise<void> | void): void => {
    const done: Promise<void> = sleep(ms, undefined, { signal: stopping.signal })
      .catch(() => {}) // the end came first
      .then(how)
      .finally(() => healing.delete(done));
    healing.add(done);
  };
  const strike = blowsOf(installation, chance, blows, heal);
  const running = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(chance.between(...EVERY_MS), undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) await strike();
    }
  })();
  return {
    blows,
    end: async () => {
      stopping.abort();
      await running;
      while (healing.size > 0) await Promise.all(healing);
      for (const role of installation.roles) {
        role.goOn();
        await role.start();
      }
      for (const proxy of installation.proxies.values()) proxy.set("open");
    },
  };
};

const blowsOf = (
  { roles, targets, database, proxies }: Installation,
  chance: Chance,
  blows: Blows,
  heal: (ms: number, how: () => Promise<void> | void) => void,
): (() => Promise<void>) => {
  const alive = (prefix: string): RoleProcess | undefined =>
    chance.any(roles.filter(({ name, running }) => name.startsWith(prefix) && running()));
  const kill = (prefix: string, kind: keyof Blows) => async (): Promise<void> => {
    const role = alive(prefix);
    if (role === undefined) return;
    blows[kind] += 1;
    await role.kill();
    heal(chance.between(...RESTART_MS), role.start);
  };
  const killRegistry = async (): Promise<void> => {
    const registry = chance.any(targets.filter(({ running }) => running()));
    if (registry === undefined) return;
    blows.registry += 1;
    await registry.stop("SIGKILL");
    heal(chance.between(...RESTART_MS), () => registry.restart());
  };
  const killDatabase = async (): Promise<void> => {
    blows.database += 1;
    // One that is starting has no pid yet: the blow misses.
    await database.kill().catch(() => {
      blows.database -= 1;
    });
  };
  const standStill = async (): Promise<void> => {
    const role = alive("");
    if (role === undefined) return;
    blows.standstill += 1;
    role.standStill();
    heal(chance.between(...STANDSTILL_MS), role.goOn);
  };
  const partition = async (): Promise<void> => {
    const proxy = chance.any([...proxies.values()]);
    blows.partition += 1;
    proxy?.set(chance.pick(["cut", "silent"] satisfies readonly [ProxyMode, ProxyMode]));
    heal(chance.between(...PARTITION_MS), () => proxy?.set("open"));
  };
  return async () => {
    const all = [
      kill("replicator", "replicator"),
      kill("replicator", "replicator"),
      kill("replicator", "replicator"),
      kill("ingest", "ingest"),
      chance.happens(0.5) ? kill("dispatcher", "other role") : kill("reconciler", "other role"),
      killDatabase,
      killRegistry,
      standStill,
      partition,
      partition,
    ] as const;
    await chance.pick(all)();
  };
};
