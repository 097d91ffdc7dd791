import type { Process } from "../core/process.ts";
import type { World } from "../core/world.ts";
import type { SimulatedRegistry } from "../registry/client.ts";
import { repositoryOf } from "../registry/images.ts";
import type { Lie, Road } from "../registry/weather.ts";
import { DEAD_TARGET, REPOSITORIES, type Scenario } from "../scenario.ts";
import type { Database } from "../system/database.ts";

/** How long one state of the weather lasts, ms. */
const WEATHER_MS = [5_000, 120_000] as const;
const DATABASE_MS = [2_000, 60_000] as const;
/** Longer than a lease is. */
const STANDSTILL_MS_MAX = 200_000;
const GARBAGE_EVERY_MS = 90_000;

const ROADS: ReadonlyArray<Road> = ["fine", "fine", "fine", "flaky", "flaky", "slow", "down", "silent"];

/** All that goes wrong by itself, until it is over. */
export class Trouble {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #registries: ReadonlyMap<string, SimulatedRegistry>;
  readonly #database: Database;
  #isOver = false;

  constructor(
    world: World,
    scenario: Scenario,
    registries: ReadonlyMap<string, SimulatedRegistry>,
    database: Database,
  ) {
    this.#world = world;
    this.#scenario = scenario;
    this.#registries = registries;
    this.#database = database;
    const { weather } = scenario;
    for (const [name, registry] of registries) {
      registry.weather.lag = weather.lag;
      if (scenario.profile === "isolation" && name === DEAD_TARGET) registry.weather.road = "silent";
      if (weather.roads || weather.lies) this.#changeWeather(name, registry);
      if (registry.strict) this.#collectGarbage(registry);
    }
    if (scenario.database) this.#changeDatabase();
    database.lostWakes = scenario.crashes > 0 ? 0.2 : 0;
    world.beforeStep = (process) => this.#mayCrash(process);
  }

  /** From now on all is well. */
  over(): void {
    this.#isOver = true;
    for (const { weather } of this.#registries.values())
      Object.assign(weather, { road: "fine", lie: { _tag: "None" }, lag: 0 });
    this.#database.road = "fine";
    this.#database.lostWakes = 0;
  }

  #changeWeather(name: string, registry: SimulatedRegistry): void {
    if (this.#isOver) return;
    const { chance } = this.#world;
    const { weather } = registry;
    weather.road = this.#scenario.weather.roads ? (chance.any(ROADS) ?? "fine") : "fine";
    weather.lie = this.#scenario.weather.lies ? this.#lieOf(name) : { _tag: "None" };
    this.#world.trace(() => `${name} is ${weather.road}, ${weather.lie._tag}`);
    this.#world.after(chance.between(...WEATHER_MS), () => this.#changeWeather(name, registry));
  }
  /** A target that forgets its tags would hide what strangers put there: only sources do. */
  #lieOf(name: string): Lie {
    const { chance } = this.#world;
    const repository = repositoryOf(chance.pick(REPOSITORIES));
    const { routes, routesLater } = this.#scenario;
    const isTarget = [...routes, ...routesLater].some((route) => route.to.some((to) => to.registry === name));
    if (chance.happens(0.6)) return { _tag: "None" };
    if (isTarget || chance.happens(0.5)) return { _tag: "Hidden", repository };
    return { _tag: "Forgetful", repository, lists: chance.happens(0.5) };
  }
  #changeDatabase(): void {
    if (this.#isOver) return;
    const { chance } = this.#world;
    this.#database.road = chance.pick(["fine", "fine", "fine", "shaky", "down"]);
    this.#world.trace(() => `the database is ${this.#database.road}`);
    this.#world.after(chance.between(...DATABASE_MS), () => this.#changeDatabase());
  }
  #collectGarbage(registry: SimulatedRegistry): void {
    if (this.#isOver) return;
    const { chance } = this.#world;
    this.#world.after(chance.between(1, GARBAGE_EVERY_MS * 2), () => {
      if (!this.#isOver && this.#scenario.weather.roads) registry.store.collectGarbage();
      this.#collectGarbage(registry);
    });
  }
  #mayCrash(process: Process): void {
    const { chance } = this.#world;
    if (this.#isOver || !chance.happens(this.#scenario.crashes)) return;
    const what = chance.next();
    if (what < 0.4) process.kill();
    else if (what < 0.6) process.stop();
    else process.standStill(chance.between(1_000, STANDSTILL_MS_MAX));
  }
}
