import type { MemoryDeliveries } from "@drayage/delivery";
import { RESCAN_TYPES, RESCANS_SUBSCRIBER, TARGET_TYPES } from "@drayage/dispatcher";
import { matchesAny, type Route, type WorkItem } from "@drayage/domain";
import type { RecordedEvent } from "@drayage/event-log";
import { type Digest, isDigestTag, MANIFEST_WRITE_TIMEOUT_MS } from "@drayage/oci-core";
import type { Process } from "../core/process.ts";
import type { World } from "../core/world.ts";
import { short, type Watch } from "../registry/client.ts";
import type { Store, TagChange } from "../registry/store.ts";
import type { Scenario } from "../scenario.ts";
import type { Database, DatabaseWatch } from "../system/database.ts";
import { keyOf, type NameAt, Seen } from "./books.ts";

type Row = ReturnType<MemoryDeliveries["rows"]>[number];

/** A worker looks at the target, copies and puts the tag: with requests of a minute each, somebody else may have put it meanwhile, but not earlier, ms. */
const DONE_MS = 10 * 60_000;

/**
 * Judges while it happens, by the words of DESIGN.md sections 5 and 6 and with its own eyes: it sees every request that is sent, every
 * answer, every change of a tag and every commit. What it finds ends the schedule.
 */
export class Checker implements Watch, DatabaseWatch {
  readonly seen = new Seen();
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #database: () => Database;
  /** When which process took which delivery, and its generation. */
  readonly #claims = new Map<string, { readonly generation: number; readonly at: number }>();

  constructor(world: World, scenario: Scenario, stores: ReadonlyMap<string, Store>, database: () => Database) {
    this.#world = world;
    this.#scenario = scenario;
    this.#stores = stores;
    this.#database = database;
  }

  /** Invariant 6: who sends a tag holds the lease, for longer than the request may take. */
  readonly sendsTag: Watch["sendsTag"] = (process, target, repository, tag) => {
    if (!isDigestTag(tag)) this.#holdsLease(process, { target, repository, tag }, "put");
  };
  readonly sendsDelete: Watch["sendsDelete"] = (process, target, repository, what) => {
    for (const row of this.#rows())
      if (
        row.target === target &&
        row.repository === repository &&
        this.#claimOf(process, row)?.generation === row.generation
      )
        return;
    this.#world.breaks(`${process.name} deletes ${target}/${repository} ${short(what)} without any lease in it`);
  };
  readonly saidUnknown: Watch["saidUnknown"] = (process, registry, repository, tag) =>
    this.seen.answer({
      process: process.name,
      place: `${registry}/${repository}`,
      tag,
      known: false,
      at: this.#world.now,
    });
  readonly saidKnown: Watch["saidKnown"] = (process, registry, repository, tag) =>
    this.seen.answer({
      process: process.name,
      place: `${registry}/${repository}`,
      tag,
      known: true,
      at: this.#world.now,
    });

  readonly claimed: DatabaseWatch["claimed"] = (process, items) => {
    for (const item of items) this.#claims.set(`${process.name} ${item.delivery}`, claimOf(item, this.#world.now));
  };

  /** Invariant 2: no event appears behind a checkpoint. */
  readonly appended: DatabaseWatch["appended"] = ({ position, type }) => {
    for (const [subscriber, checkpoint] of this.#database().checkpoints)
      if (typesOf(subscriber).includes(type) && position <= checkpoint)
        this.#world.breaks(
          `event ${position} was committed when ${subscriber} had its checkpoint at ${checkpoint} already`,
        );
  };
  /** Invariant 2: a checkpoint moves over nothing that was not acted on. */
  readonly advanced: DatabaseWatch["advanced"] = (subscriber, from, to, events) => {
    const acted = new Set(events.map(({ position }) => position));
    const passed = this.#database().log.find(
      ({ position, type }) =>
        position > from && position <= to && typesOf(subscriber).includes(type) && !acted.has(position),
    );
    if (passed !== undefined) this.#world.breaks(`${subscriber} passed over event ${passed.position}`);
  };

  /** A tag changed anywhere. */
  readonly changed = (change: TagChange): void => {
    if (change.by.startsWith("somebody")) return;
    const name: NameAt = { target: change.registry, repository: change.repository, tag: change.tag };
    if (change.now === undefined) {
      this.#deleted(name, change.before, change.by);
      return;
    }
    this.#isWhole(name, change.now);
    if (isDigestTag(change.tag)) return;
    const row = this.#row(name);
    if (row === undefined) {
      this.#world.breaks(`${keyOf(name)} was put and is in nobody's books`);
      return;
    }
    this.seen.put(name, change.now);
    this.#cameFromSource(name, row, change.now);
    this.#isNotDoneAgain(name, change);
    this.#hasItsReferrers(name, row, change.now, change.by);
  };

  /** Invariant 4: all content is there before the tag. */
  #isWhole(name: NameAt, digest: Digest): void {
    const lacks = this.#stores.get(name.target)?.lacks(name.repository, digest) ?? [];
    if (lacks.length > 0)
      this.#world.breaks(`${keyOf(name)} points to ${short(digest)}, which lacks ${lacks.map(short).join(", ")}`);
  }
  /** Invariant 4: never a digest that the source never had under that tag. */
  #cameFromSource(name: NameAt, { source }: Row, digest: Digest): void {
    const store = this.#stores.get(source.registry);
    if (store?.everHad(source.repository, source.tag, digest) !== true)
      this.#world.breaks(
        `${keyOf(name)} got ${short(digest)}, which ${source.registry}/${source.repository}:${source.tag} never was`,
      );
  }
  /** No work is done twice: who looks first sees that the tag is there. */
  #isNotDoneAgain(name: NameAt, { before, now, by }: TagChange): void {
    const versions = this.#stores.get(name.target)?.repositories.get(name.repository)?.tags.get(name.tag) ?? [];
    const since = versions.at(-2)?.at ?? this.#world.now;
    // A target that hides a repository makes everybody believe that all is missing.
    if (before !== now || this.#scenario.weather.lies || since > this.#world.now - DONE_MS) return;
    this.#world.breaks(`${keyOf(name)} was put again by ${by}, and was there for ${this.#world.now - since} ms`);
  }
  /** Invariant 4: what refers to the image at the source when the work begins is in place when the tag moves. */
  #hasItsReferrers(name: NameAt, row: Row, digest: Digest, by: string): void {
    const source = this.#stores.get(row.source.registry);
    const target = this.#stores.get(name.target);
    const since = this.#claims.get(`${by} ${row.id}`)?.at ?? 0;
    // What was there when it was looked for may have been collected since: its subject had no tag yet.
    if ((target?.collectedAt ?? 0) > since) return;
    const there = new Set(target?.referrersOf(name.repository, digest).map((each) => each.digest));
    for (const referrer of source?.referrersOf(row.source.repository, digest) ?? []) {
      const cameAt = source?.repositories.get(row.source.repository)?.since.get(referrer.digest) ?? 0;
      if (cameAt < since && !there.has(referrer.digest))
        this.#world.breaks(
          `${keyOf(name)} moved to ${short(digest)} before its referrer ${short(referrer.digest)} was there`,
        );
    }
  }

  /** Invariant 5. */
  #deleted(name: NameAt, digest: Digest | undefined, by: string): void {
    const row = this.#row(name);
    const why = (text: string): void => this.#world.breaks(`${keyOf(name)} was deleted by ${by}: ${text}`);
    if (row === undefined || digest === undefined) {
      why("it is in nobody's books");
      return;
    }
    if (!this.seen.isOurs(name, digest) && row.held !== digest) {
      why(`${short(digest)} was never ours`);
      return;
    }
    const route = this.routeOf(row.route);
    if (route?.deletes.mode !== "mirror") {
      why("the route does not delete");
      return;
    }
    if (matchesAny(route.deletes.protect, name.tag)) {
      why("it is protected");
      return;
    }
    const { registry, repository, tag } = row.source;
    const { confirmAfter } = route.deletes;
    if (!this.seen.isProvenAbsent(by, `${registry}/${repository}`, tag, confirmAfter, this.#world.now))
      why("its absence was not proven twice with a witness");
    this.seen.deletion(name, this.#world.now);
    this.#withinGuard(name, why);
  }
  #withinGuard({ target, repository }: NameAt, why: (text: string) => void): void {
    const { perRepository, perTarget } = this.#scenario.guard;
    const { now } = this.#world;
    if (this.seen.deletionsSince(target, repository, now - perRepository.within) > perRepository.most)
      why("the guard of the repository was passed by");
    if (this.seen.deletionsSince(target, undefined, now - perTarget.within) > perTarget.most)
      why("the guard of the target was passed by");
  }

  #holdsLease(process: Process, name: NameAt, what: string): void {
    const row = this.#row(name);
    if (row === undefined) {
      this.#world.breaks(`${process.name} ${what} ${keyOf(name)}, which is in nobody's books`);
      return;
    }
    const left = row.leaseUntil - this.#world.now;
    const isCurrent = row.state === "leased" && this.#claimOf(process, row)?.generation === row.generation;
    if (!isCurrent) this.#world.breaks(`${process.name} ${what} ${keyOf(name)} without its lease`);
    else if (left < MANIFEST_WRITE_TIMEOUT_MS)
      this.#world.breaks(`${process.name} ${what} ${keyOf(name)} with ${left} ms of its lease left`);
  }

  routeOf(name: string): Route | undefined {
    const { routes, routesLater } = this.#scenario;
    return [...routesLater, ...routes].find((route) => route.name === name);
  }
  #claimOf(process: Process, row: Row) {
    return this.#claims.get(`${process.name} ${row.id}`);
  }
  #rows(): ReadonlyArray<Row> {
    return this.#database().deliveries.rows();
  }
  #row({ target, repository, tag }: NameAt): Row | undefined {
    return this.#rows().find((row) => row.target === target && row.repository === repository && row.tag === tag);
  }
}

const claimOf = ({ generation }: WorkItem, at: number) => ({ generation, at });
const typesOf = (subscriber: string): ReadonlyArray<RecordedEvent["type"]> =>
  subscriber === RESCANS_SUBSCRIBER ? RESCAN_TYPES : TARGET_TYPES;
