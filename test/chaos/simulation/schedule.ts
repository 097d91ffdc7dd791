import { RESCAN_TYPES, RESCANS_SUBSCRIBER, TARGET_TYPES, targetSubscriber } from "@drayage/dispatcher";
import type { FailureReason } from "@drayage/domain";
import * as Effect from "effect/Effect";
import type { NameAt } from "./check/books.ts";
import { Checker } from "./check/checker.ts";
import { notLevel } from "./check/level.ts";
import { World } from "./core/world.ts";
import { MUTANTS, type MutantName } from "./mutants.ts";
import type { SimulatedRegistry } from "./registry/client.ts";
import { Store } from "./registry/store.ts";
import { DEAD_TARGET, POISONED_TAG, type Profile, type Scenario, scenarioOf } from "./scenario.ts";
import { Database } from "./system/database.ts";
import { Installation } from "./system/installation.ts";
import { run as reconcileAll } from "./system/reconciler.ts";
import { Notifier } from "./trouble/notifier.ts";
import { People } from "./trouble/people.ts";
import { Trouble } from "./trouble/trouble.ts";

export interface ScheduleOptions {
  readonly seed: number;
  readonly profile?: Profile | undefined;
  readonly mutant?: MutantName | undefined;
  /** Kills the worker that takes this step, counted over all workers and from 1, instead of what chance would do. */
  readonly killAt?: number | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

/** What became of one schedule. */
export interface Verdict {
  readonly seed: number;
  readonly profile: Profile;
  /** The rules that were broken, in words; none: all is well. */
  readonly broken: ReadonlyArray<string>;
  readonly steps: number;
  /** Virtual, ms. */
  readonly ageMs: number;
  readonly copies: number;
  readonly deletions: number;
}

const MINUTE = 60_000;
/** Retries rest for a quarter of an hour at most, so what is not at rest after this will never be. */
const REST_WITHIN_MS = 6 * 60 * MINUTE;
/** In `isolation`: how long after the last change the others have to be level. Two proofs of absence a minute apart are the longest of it. */
const ISOLATED_WITHIN_MS = 4 * MINUTE;

/** Reasons for which a delivery may wait for a person when all is well again: rules of routes and guard. */
const FOR_A_PERSON: ReadonlySet<string> = new Set<FailureReason>(["conflict", "guard-refused", "rival-source"]);
/** Reasons that end by themselves: nothing may ever be parked for them. */
const NEVER_PARKED: ReadonlySet<string> = new Set<FailureReason>(["network", "unavailable", "stalled", "rate-limited"]);

/** Plays one schedule from its seed: a time of trouble, then calm; then every target has to be level. */
export const play = async (options: ScheduleOptions): Promise<Verdict> => {
  const world = new World(options.seed, options.trace);
  const scenario = scenarioOf(world.chance, options.profile);
  world.trace(() => JSON.stringify(scenario));
  const cast = assemble(world, scenario, options.mutant);
  if (options.killAt !== undefined) killWorkerAt(world, options.killAt);
  await acts(cast);
  const { deliveries } = cast.database;
  const succeeded = deliveries
    .events()
    .flatMap((event) => (event._tag === "ReplicationSucceeded" ? [event.action] : []));
  return {
    seed: options.seed,
    profile: scenario.profile,
    broken: world.broken,
    steps: world.steps,
    ageMs: world.age,
    copies: succeeded.filter((action) => action === "copied").length,
    deletions: succeeded.filter((action) => action === "deleted").length,
  };
};

const killWorkerAt = (world: World, step: number): void => {
  let taken = 0;
  world.beforeStep = (process) => {
    if (!process.name.startsWith("replicator/")) return;
    taken += 1;
    if (taken === step) process.kill();
  };
};

interface Cast {
  readonly world: World;
  readonly scenario: Scenario;
  readonly stores: ReadonlyMap<string, Store>;
  readonly database: Database;
  readonly checker: Checker;
  readonly notifier: Notifier;
  readonly people: People;
  readonly installation: Installation;
  readonly trouble: Trouble;
}

const assemble = (world: World, scenario: Scenario, mutantName: MutantName | undefined): Cast => {
  const mutant = mutantName === undefined ? undefined : MUTANTS[mutantName];
  const registries = new Map<string, SimulatedRegistry>();
  for (const [name, plan] of Object.entries(scenario.registries))
    registries.set(name, {
      ...plan,
      store: new Store(name, () => world.now),
      weather: { road: "fine", lie: { _tag: "None" }, lag: 0 },
    });
  const stores = new Map([...registries].map(([name, { store }]) => [name, store]));
  const checker: Checker = new Checker(world, scenario, stores, () => database);
  const notifier: Notifier = new Notifier(world, scenario, () => database);
  const database: Database = new Database(
    world,
    scenario.guard,
    checker,
    mutant !== undefined && "database" in mutant ? mutant.database : {},
  );
  for (const store of stores.values())
    store.onChange = (change) => {
      world.trace(
        () => `${change.registry}/${change.repository}:${change.tag} is ${change.now ?? "gone"} by ${change.by}`,
      );
      checker.changed(change);
      notifier.changed(change);
    };
  const people = new People({ world, scenario, stores, tell: notifier.tell });
  const installation = new Installation({ world, scenario, registries, database, watch: checker, mutant });
  const trouble = new Trouble(world, scenario, registries, database);
  return { world, scenario, stores, database, checker, notifier, people, installation, trouble };
};

const acts = async (cast: Cast): Promise<void> => {
  const { world, scenario, notifier, people, installation, trouble, database } = cast;
  for (let n = 0; n < scenario.changes; n += 1)
    world.after(world.chance.between(0, scenario.chaosMs), () => people.change());
  if (scenario.routesLater !== scenario.routes)
    world.after(world.chance.between(0, scenario.chaosMs), () => installation.reconfigure());
  await world.run(() => false, scenario.chaosMs);
  if (scenario.profile === "isolation") {
    await world.run(() => false, ISOLATED_WITHIN_MS);
    level(
      cast,
      "while one target is dead and one image is poisoned",
      (name) =>
        name.target === DEAD_TARGET ||
        name.tag === POISONED_TAG ||
        isParked(cast, name) ||
        waitsForReconciliation(cast, name),
    );
  }

  trouble.over();
  notifier.isRough = false;
  if (!(await rest(cast, "after the trouble"))) return;
  if (scenario.notifications.lost === 0 && scenario.reconcileEvery === undefined)
    level(cast, "by events alone", (name) => isParked(cast, name) || waitsForReconciliation(cast, name));

  // A person looks at what gave up, and asks for all that is missing.
  database.deliveries.retryParked();
  if (!(await rest(cast, "after the retry of what was parked"))) return;
  const isPoisoned = ({ tag }: NameAt): boolean => tag === POISONED_TAG;
  const isShared =
    scenario.profile === "rivals" || Object.values(scenario.registries).some((plan) => !plan.deletesTags);
  const rounds = isShared ? ROUNDS_OF_SHARED : 1;
  for (let round = 0; round < rounds && (round === 0 || differences(cast, isPoisoned).length > 0); round += 1) {
    await reconcile(cast);
    if (!(await rest(cast, "after the reconciliation"))) return;
  }
  level(cast, "after the reconciliation", isPoisoned);
  parked(cast);
};

/**
 * One reconciliation is enough, but where names wait for each other: a tag that shares its digest stays, where only digests can be deleted, until the
 * others have moved on; and a name that another source had first is free once the tag of that one is deleted.
 */
const ROUNDS_OF_SHARED = 4;

/** Until nothing is to be done any more. False: that was never so, or a rule was broken. */
const rest = async (cast: Cast, when: string): Promise<boolean> => {
  const { world, database } = cast;
  const ended = await world.run(() => isAtRest(cast), REST_WITHIN_MS);
  if (ended === "late" || ended === "idle") {
    const busy = database.deliveries.rows().filter(({ state }) => state === "pending" || state === "leased");
    const names = busy.map(
      (row) =>
        `${row.target}/${row.repository}:${row.tag} ${row.state} (${row.lastError?.reason ?? "no error"}, attempt ${row.attempts})`,
    );
    world.breaks(`not at rest ${when}: ${names.join("; ")}`);
  }
  return world.broken.length === 0;
};

const isAtRest = ({ database, notifier, installation }: Cast): boolean => {
  const { targets } = installation.routes;
  const has = (subscriber: string, types: ReadonlyArray<string>): boolean => {
    const last = database.log.findLast(({ type }) => types.includes(type))?.position ?? 0;
    return (database.checkpoints.get(subscriber) ?? -1) >= last;
  };
  return (
    notifier.underWay === 0 &&
    database.deliveries
      .rows()
      .every(({ state, target }) => state === "idle" || state === "parked" || !targets.has(target)) &&
    [...database.rescans.values()].every(({ requested, done }) => done >= requested) &&
    [...targets].every((target) => database.reconciled.has(target) && has(targetSubscriber(target), TARGET_TYPES)) &&
    has(RESCANS_SUBSCRIBER, RESCAN_TYPES)
  );
};

const reconcile = async ({ world, database, installation }: Cast): Promise<void> => {
  const process = installation.processFor("reconcile-once");
  const registries = installation.registriesOf(process);
  let complete = false;
  const options = {
    process,
    database,
    routes: installation.routes,
    registryOf: (name: string) => registries.get(name),
    fullEvery: undefined,
  };
  process.start(
    Effect.map(reconcileAll(options, { kind: "full" }), ({ completeness, problems }) => {
      if (completeness === "incomplete") world.breaks(`the reconciliation was not complete: ${problems.join("; ")}`);
      complete = true;
    }),
  );
  await world.run(() => complete, REST_WITHIN_MS);
};

const isParked = ({ database }: Cast, name: NameAt): boolean =>
  database.deliveries
    .rows()
    .some(
      (row) =>
        row.target === name.target &&
        row.repository === name.repository &&
        row.tag === name.tag &&
        row.state === "parked",
    );

/**
 * What events alone do not bring, by design: what a person deletes at one of two registries that feed each other, where deletions are not mirrored; and
 * a tag that stayed because its digest was shared, once that is over.
 */
const waitsForReconciliation = ({ scenario, stores }: Cast, { target, repository, tag }: NameAt): boolean => {
  const held = stores.get(target)?.tag(repository, tag);
  const isGone = scenario.sources.every((source) => stores.get(source)?.tag(repository, tag) === undefined);
  return scenario.profile === "two-way"
    ? held === undefined
    : isGone && scenario.registries[target]?.deletesTags === false;
};

const level = (cast: Cast, when: string, spared: (name: NameAt) => boolean): void => {
  for (const difference of differences(cast, spared)) cast.world.breaks(`not level ${when}: ${difference}`);
};
const differences = (cast: Cast, spared: (name: NameAt) => boolean): ReadonlyArray<string> => {
  const { stores, database, checker, installation, scenario } = cast;
  return notLevel({
    routes: installation.routes,
    stores,
    database,
    seen: checker.seen,
    lags: scenario.weather.lag > 0,
    deletesByDigest: (target) => scenario.registries[target]?.deletesTags === false,
    spared,
  });
};

const parked = ({ world, database, installation }: Cast): void => {
  for (const row of database.deliveries.rows()) {
    const reason = row.lastError?.reason;
    if (
      row.state !== "parked" ||
      reason === undefined ||
      row.tag === POISONED_TAG ||
      !installation.routes.targets.has(row.target)
    )
      continue;
    if (!FOR_A_PERSON.has(reason))
      world.breaks(
        `${row.target}/${row.repository}:${row.tag} waits for a person without need: ${reason}, ${row.lastError?.detail}`,
      );
  }
  for (const event of database.deliveries.events())
    if (event._tag === "ReplicationParked" && NEVER_PARKED.has(event.error.reason))
      world.breaks(`${event.target}/${event.repository}:${event.tag} was parked for ${event.error.reason}`);
};
