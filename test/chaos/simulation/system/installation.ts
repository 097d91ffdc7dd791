import { type CompiledRoutes, compileRoutes, type WorkItem, workPolicyOf } from "@drayage/domain";
import { makeCopier, type Registry } from "@drayage/oci-core";
import { work } from "@drayage/replicator";
import * as Effect from "effect/Effect";
import { Process } from "../core/process.ts";
import type { World } from "../core/world.ts";
import type { Mutant } from "../mutants.ts";
import { clientOf, type SimulatedRegistry, type Watch } from "../registry/client.ts";
import type { Scenario } from "../scenario.ts";
import type { Database } from "./database.ts";
import { dispatcher } from "./dispatcher.ts";
import { reconciler } from "./reconciler.ts";

export interface InstallationOptions {
  readonly world: World;
  readonly scenario: Scenario;
  readonly registries: ReadonlyMap<string, SimulatedRegistry>;
  readonly database: Database;
  readonly watch: Watch;
  readonly mutant: Mutant | undefined;
}

/** A role that is to run, as its supervisor knows it. */
interface Role {
  readonly name: string;
  readonly program: (process: Process, routes: CompiledRoutes) => Effect.Effect<unknown, unknown>;
  /** Whether the configuration asks for it. */
  readonly isWanted: (routes: CompiledRoutes) => boolean;
}

const LOOK_EVERY_MS = 2_000;
/** How long a supervisor waits before it starts a role that died, at most, ms. */
const RESTART_MS = 20_000;
const DISPATCHERS = 2;
const DELIVERIES_AT_ONCE = 3;
const POLL_MS = 5_000;

/**
 * All processes of the installation, and a supervisor that starts them again. A new configuration comes with each start, so that for a while
 * some processes have the old one and some the new.
 */
export class Installation {
  readonly #options: InstallationOptions;
  readonly #running = new Map<string, Process>();
  readonly #waits = new Map<string, number>();
  readonly #roles: ReadonlyArray<Role>;
  #routes: CompiledRoutes;
  #starts = 0;

  constructor(options: InstallationOptions) {
    this.#options = options;
    this.#routes = compiled(options.scenario.routes);
    this.#roles = this.#allRoles();
    this.#supervise();
  }

  get routes(): CompiledRoutes {
    return this.#routes;
  }
  /** The configuration of everything that starts from now on. */
  reconfigure(): void {
    this.#routes = compiled(this.#options.scenario.routesLater);
    const { world } = this.#options;
    for (const process of this.#running.values())
      world.after(world.chance.between(0, RESTART_MS), () => {
        if (process.isAlive) process.stop();
      });
  }
  /** A process of its own for one task, outside of what is supervised. */
  processFor(name: string): Process {
    return new Process(this.#options.world, name);
  }
  registriesOf(process: Process): ReadonlyMap<string, Registry> {
    const { registries, watch, mutant } = this.#options;
    const change = mutant?.registry ?? ((registry: Registry) => registry);
    return new Map([...registries].map(([name, each]) => [name, change(clientOf(process, each, watch))]));
  }

  #allRoles(): ReadonlyArray<Role> {
    const { scenario, database } = this.#options;
    const targets = [...compiled([...scenario.routes, ...scenario.routesLater]).targets];
    const replicators = targets.flatMap((target) =>
      Array.from(
        { length: scenario.replicators },
        (_, n): Role => ({
          name: `replicator/${target}/${n}`,
          program: (process, routes) => this.#replicator(process, target, routes),
          isWanted: (routes) => routes.targets.has(target),
        }),
      ),
    );
    const dispatchers = Array.from(
      { length: DISPATCHERS },
      (_, n): Role => ({
        name: `dispatcher/${n}`,
        program: (process, routes) => dispatcher(process, database, routes),
        isWanted: () => true,
      }),
    );
    return [
      ...replicators,
      ...dispatchers,
      { name: "reconciler", program: (process, routes) => this.#reconciler(process, routes), isWanted: () => true },
    ];
  }
  #replicator(process: Process, target: string, routes: CompiledRoutes) {
    const { database, mutant } = this.#options;
    const registries = this.registriesOf(process);
    const registry = registries.get(target);
    if (registry === undefined) return Effect.die(new Error(`${target} is no registry`));
    const bus = database.busOf(process);
    return Effect.gen(function* () {
      const copier = yield* makeCopier();
      const context = {
        bus: mutant?.bus?.(bus) ?? bus,
        copier: mutant?.copier?.(copier) ?? copier,
        target: registry,
        registryOf: (name: string) => registries.get(name),
        policyOf: (item: WorkItem) => workPolicyOf(routes, item),
      };
      return yield* work(context, { target, worker: process.name, concurrency: DELIVERIES_AT_ONCE, pollMs: POLL_MS });
    });
  }
  #reconciler(process: Process, routes: CompiledRoutes) {
    const { database, scenario } = this.#options;
    const registries = this.registriesOf(process);
    return reconciler({
      process,
      database,
      routes,
      registryOf: (name) => registries.get(name),
      fullEvery: scenario.reconcileEvery,
    });
  }

  #supervise(): void {
    const { world } = this.#options;
    for (const role of this.#roles) this.#look(role, world);
    world.after(LOOK_EVERY_MS, () => this.#supervise());
  }
  #look(role: Role, world: World): void {
    if (this.#running.get(role.name)?.isAlive === true || !role.isWanted(this.#routes)) return;
    const wait =
      this.#waits.get(role.name) ?? world.now + (this.#starts === 0 ? 0 : world.chance.between(0, RESTART_MS));
    this.#waits.set(role.name, wait);
    if (wait > world.now) return;
    this.#waits.delete(role.name);
    this.#starts += 1;
    const process = new Process(world, `${role.name}#${this.#starts}`);
    this.#running.set(role.name, process);
    process.start(role.program(process, this.#routes));
  }
}

const compiled = (routes: Scenario["routes"]): CompiledRoutes =>
  compileRoutes([...new Map(routes.map((route) => [route.name, route])).values()], () => ({ repositoryKey: false }));
