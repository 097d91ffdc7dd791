import { BusUnavailable, type DeliveryBus, type MemoryDeliveries, makeMemoryDeliveries } from "@drayage/delivery";
import { type DomainEvent, encodeEvent, type Guard, type RescanRequest, type WorkItem } from "@drayage/domain";
import type { RecordedEvent } from "@drayage/event-log";
import type { RepositoryName } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Stream from "effect/Stream";
import type { Process } from "../core/process.ts";
import { type Journey, remote } from "../core/remote.ts";
import type { World } from "../core/world.ts";

/** A rescan as its table keeps it. */
export interface RescanRow {
  readonly registry: string;
  readonly repository: RepositoryName;
  requested: number;
  done: number;
  leaseUntil: number;
  dueAt: number;
}

/** Told of what the checkers have to know. */
export interface DatabaseWatch {
  readonly appended: (event: RecordedEvent) => void;
  readonly advanced: (subscriber: string, from: number, to: number, events: ReadonlyArray<RecordedEvent>) => void;
  readonly claimed: (process: Process, items: ReadonlyArray<WorkItem>) => void;
}

/** Bugs planted by hand, which the checkers have to find (`mutants.ts`). */
export interface DatabaseMutant {
  /** Positions are given when a transaction begins, as a sequence without the lock would. */
  readonly positionsAtBegin?: boolean | undefined;
  /** Changes what is asked of the deliveries. */
  readonly request?: ((deliveries: MemoryDeliveries) => MemoryDeliveries["request"]) | undefined;
}

/** Who follows the log is woken here. No target has this name. */
export const LOG_CHANNEL = "the log";
/** What a slow transaction takes from its first statement to its commit, at most, ms: others overtake it. */
const SLOW_COMMIT_MS = 5_000;
const SLOW_COMMITS = 0.1;
/** One request in ten, while it is shaky. */
const LOST = 0.1;

/**
 * The database of the installation: log, checkpoints, deliveries and rescans. Each transaction happens at once at its commit, and events get
 * their positions then, in the order of the commits (invariant 2). It survives every process.
 */
export class Database {
  readonly deliveries: MemoryDeliveries;
  readonly log: Array<RecordedEvent> = [];
  readonly checkpoints = new Map<string, number>();
  readonly rescans = new Map<string, RescanRow>();
  /** Targets that were reconciled completely, at least once. */
  readonly reconciled = new Set<string>();
  road: "fine" | "shaky" | "down" = "fine";
  /** Wakes are lost with this probability. */
  lostWakes = 0;
  readonly #world: World;
  readonly #watch: DatabaseWatch;
  readonly #mutant: DatabaseMutant;
  readonly #sleepers = new Map<string, Set<() => void>>();
  #position = 0;

  constructor(world: World, guard: Guard, watch: DatabaseWatch, mutant: DatabaseMutant = {}) {
    this.#world = world;
    this.#watch = watch;
    this.#mutant = mutant;
    const deliveries = Effect.runSync(makeMemoryDeliveries({ guard, now: () => world.now }));
    this.deliveries = { ...deliveries, request: mutant.request?.(deliveries) ?? deliveries.request };
  }

  /** One transaction of a process. */
  transaction<A>(process: Process, what: string, act: () => A): Effect.Effect<A, BusUnavailable> {
    return this.#sent(process, what, () => Exit.succeed(act()));
  }

  /** Called within a transaction. */
  appendWithin(events: ReadonlyArray<DomainEvent>, source: string, positions?: ReadonlyArray<number>): void {
    for (const [n, event] of events.entries()) {
      const position = positions?.[n] ?? this.#nextPosition();
      const at = new Date(this.#world.now);
      const recorded: RecordedEvent = {
        ...encodeEvent(event),
        position,
        id: `${position}`,
        source,
        time: at,
        recordedAt: at,
      };
      this.log.push(recorded);
      this.log.sort((a, b) => a.position - b.position);
      this.#world.trace(() => `log ${position} ${event._tag} ${recorded.subject ?? ""}`);
      this.#watch.appended(recorded);
    }
    if (events.length > 0) this.wake(LOG_CHANNEL);
  }
  /** What ingest does for a sender: `isDone` learns whether the append is durable. */
  appendFromOutside(events: ReadonlyArray<DomainEvent>, source: string, isDone: (durable: boolean) => void): void {
    const { chance } = this.#world;
    const commit = chance.happens(SLOW_COMMITS) ? chance.between(0, SLOW_COMMIT_MS) : chance.between(1, 5);
    const positions = this.#mutant.positionsAtBegin === true ? events.map(() => this.#nextPosition()) : undefined;
    this.#world.after(commit, () => {
      if (this.road === "down" || (this.road === "shaky" && chance.happens(LOST))) return isDone(false);
      this.appendWithin(events, source, positions);
      isDone(!(this.road === "shaky" && chance.happens(LOST)));
    });
  }
  /** The move of a checkpoint, first statement of a transaction: false when somebody else has moved it. */
  advanceWithin(subscriber: string, from: number, to: number, events: ReadonlyArray<RecordedEvent>): boolean {
    if ((this.checkpoints.get(subscriber) ?? 0) !== from) return false;
    this.checkpoints.set(subscriber, to);
    this.#watch.advanced(subscriber, from, to, events);
    return true;
  }
  rescanWithin(requests: ReadonlyArray<RescanRequest>): void {
    for (const { registry, repository, position } of requests) {
      const key = `${registry}/${repository}`;
      const row = this.rescans.get(key) ?? { registry, repository, requested: 0, done: 0, leaseUntil: 0, dueAt: 0 };
      row.requested = Math.max(row.requested, position);
      this.rescans.set(key, row);
    }
  }

  get head(): number {
    return this.log.at(-1)?.position ?? 0;
  }
  /** Wakes who waits on a channel (the workers of a target, the dispatchers) after a commit; wakes may be lost. */
  wake(channel: string): void {
    for (const wake of this.#sleepers.get(channel) ?? [])
      if (!this.#world.chance.happens(this.lostWakes)) this.#world.after(this.#world.chance.between(1, 20), wake);
  }

  /** The bus as one process sees it. */
  busOf(process: Process): DeliveryBus {
    const { bus } = this.deliveries;
    const send = <A, E>(what: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E | BusUnavailable> =>
      this.#sent(process, what, () => Effect.runSyncExit(effect));
    return {
      claim: (options) =>
        Effect.suspend(() =>
          send(
            "claim",
            Effect.tap(bus.claim(options), (items) => Effect.sync(() => this.#watch.claimed(process, items))),
          ),
        ),
      extend: (item, leaseMs) => send("extend", bus.extend(item, leaseMs)),
      intend: (item, digest, neededMs) => send("intend", bus.intend(item, digest, neededMs)),
      report: (item, outcome) => {
        this.#world.trace(
          () =>
            `${process.name} reports ${outcome._tag} of ${item.target}/${item.repository}:${item.tag} ${wordOf(outcome)}`,
        );
        return send("report", bus.report(item, outcome));
      },
      release: (item, at) => send("release", bus.release(item, at)),
      permitDelete: (item, tags, neededMs) => send("permitDelete", bus.permitDelete(item, tags, neededMs)),
      siblings: (item, digest) => send("siblings", bus.siblings(item, digest)),
      wakes: (target) => Stream.fromEffectRepeat(this.sleep(process, target)),
    };
  }

  /** Until somebody wakes the channel. */
  sleep(process: Process, channel: string): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const sleepers = this.#sleepers.get(channel) ?? new Set();
      this.#sleepers.set(channel, sleepers);
      const wake = (): void => {
        sleepers.delete(wake);
        process.post(() => resume(Effect.void));
      };
      sleepers.add(wake);
      return Effect.sync(() => void sleepers.delete(wake));
    });
  }

  #nextPosition(): number {
    this.#position += 1;
    return this.#position;
  }

  #sent<A, E>(process: Process, operation: string, act: () => Exit.Exit<A, E>): Effect.Effect<A, E | BusUnavailable> {
    return Effect.suspend(() => remote<A, E | BusUnavailable>(process, this.#journey(operation), act));
  }
  #journey(operation: string): Journey<BusUnavailable> {
    const { chance } = this.#world;
    const [there, back] = [chance.between(1, 5), chance.between(1, 5)];
    const error = () => new BusUnavailable({ operation, cause: new Error("the database is away") });
    const silence = { after: there + back, error };
    if (this.road === "down") return { there: undefined, back, silence };
    if (this.road === "fine") return { there, back, silence };
    const draw = chance.next();
    if (draw < LOST / 2) return { there: undefined, back, silence };
    if (draw < LOST) return { there, back: undefined, silence };
    return { there: there * chance.between(1, 300), back: back * chance.between(1, 300), silence };
  }
}

const wordOf = (outcome: Parameters<DeliveryBus["report"]>[1]): string => {
  if (outcome._tag === "Confirming" || outcome._tag === "Waiting") return "";
  const { event } = outcome;
  if (event._tag === "ReplicationSucceeded") return event.action;
  return event._tag === "ReplicationSkipped" ? event.reason : `${event.error.reason} (${event.error.detail})`;
};
