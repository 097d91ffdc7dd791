import { type DomainEvent, eventOf, type SourceNotification } from "@drayage/domain";
import type { World } from "../core/world.ts";
import type { TagChange } from "../registry/store.ts";
import type { Scenario } from "../scenario.ts";
import type { Database } from "../system/database.ts";
import { SOMEBODY_QUIET, STRANGER } from "./people.ts";

/** A sender tries again after this long, ms, when ingest says 503. */
const REDELIVER_MS = 5_000;
/** Times that a sender tries, where notifications may be lost at all. */
const TRIES = 3;

/** Notifications of the sources on their way: lost, doubled, late, in any order; then what ingest makes of them. */
export class Notifier {
  /** On their way to the log. */
  underWay = 0;
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #database: () => Database;
  /** Whether anything goes wrong on the way. */
  isRough = true;

  constructor(world: World, scenario: Scenario, database: () => Database) {
    this.#world = world;
    this.#scenario = scenario;
    this.#database = database;
  }

  /** What a registry says of each change of a tag. */
  readonly changed = ({ registry, repository, tag, now, by }: TagChange): void => {
    if (by === SOMEBODY_QUIET || by === STRANGER) return;
    this.tell(
      registry,
      now === undefined ? { _tag: "Deleted", repository, tag } : { _tag: "Pushed", repository, tag, digest: now },
    );
  };

  readonly tell = (registry: string, notification: SourceNotification): void => {
    const isSource = this.#scenario.routes.some((route) => route.from === registry);
    if (!isSource) return;
    const { chance } = this.#world;
    const { lost, doubled, late } = this.#scenario.notifications;
    const times = this.isRough ? Number(!chance.happens(lost)) + Number(chance.happens(doubled)) : 1;
    for (let n = 0; n < times; n += 1) {
      this.underWay += 1;
      const events = eventOf(registry, notification);
      this.#world.after(chance.between(1, this.isRough ? late : 50), () => this.#append(registry, events, 1));
    }
  };

  #append(registry: string, events: ReadonlyArray<DomainEvent>, attempt: number): void {
    this.#database().appendFromOutside(events, `/registries/${registry}`, (durable) => {
      const givesUp = this.#scenario.notifications.lost > 0 && attempt >= TRIES;
      if (durable || givesUp) this.underWay -= 1;
      else this.#world.after(REDELIVER_MS, () => this.#append(registry, events, attempt + 1));
    });
  }
}
