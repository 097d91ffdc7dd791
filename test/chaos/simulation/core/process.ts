import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Context from "effect/Context";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Fiber from "effect/Fiber";
import * as Logger from "effect/Logger";
import * as Random from "effect/Random";
import type * as Scheduler from "effect/Scheduler";
import type { World } from "./world.ts";

/**
 * One process of the installation: an Effect whose every step the world takes. A kill is a kill: no finalizer runs, and what it had sent may
 * still arrive. One that stands still (a long collection, a suspended machine) goes on later as if nothing had happened.
 */
export class Process {
  readonly name: string;
  readonly world: World;
  #queue: Array<() => void> = [];
  #state: "running" | "still" | "dead" = "running";
  #fiber: Fiber.Fiber<unknown, unknown> | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  /** Something for the process to do: an answer that arrived, a timer, a fiber that goes on. */
  post(task: () => void): void {
    if (this.#state === "dead") return;
    this.#queue.push(task);
    if (this.#queue.length === 1) this.#getReady();
  }
  step(): void {
    const task = this.#state === "running" ? this.#queue.shift() : undefined;
    if (this.#queue.length === 0) this.#getUnready();
    task?.();
  }

  start(program: Effect.Effect<unknown, unknown>): void {
    this.#fiber = Effect.runFork(Effect.provideContext(program, this.#services()), { scheduler: this.#scheduler() });
    this.#fiber.addObserver((exit) => this.#ended(exit));
  }
  kill(): void {
    this.world.trace(() => `${this.name} KILLED`);
    this.#leave();
  }
  /** As SIGTERM: what runs is handed back. */
  stop(): void {
    this.world.trace(() => `${this.name} stops`);
    this.post(() => this.#fiber?.interruptUnsafe());
  }
  standStill(ms: number): void {
    if (this.#state !== "running") return;
    this.world.trace(() => `${this.name} stands still for ${Math.round(ms / 1000)} s`);
    this.#state = "still";
    this.#getUnready();
    this.world.after(ms, () => {
      if (this.#state !== "still") return;
      this.#state = "running";
      if (this.#queue.length > 0) this.#getReady();
    });
  }

  #getReady(): void {
    if (this.#state === "running") this.world.ready.push(this);
  }
  #getUnready(): void {
    const place = this.world.ready.indexOf(this);
    if (place >= 0) this.world.ready.splice(place, 1);
  }

  #ended(exit: Exit.Exit<unknown, unknown>): void {
    this.world.trace(() => `${this.name} ended`);
    this.#leave();
    if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause))
      this.world.breaks(`${this.name} ended by a fault: ${Cause.pretty(exit.cause)}`);
  }
  #leave(): void {
    this.#state = "dead";
    this.#queue = [];
    this.#getUnready();
  }

  #scheduler(): Scheduler.Scheduler {
    const dispatcher = { scheduleTask: (task: () => void) => this.post(task), flush: () => {} };
    return {
      executionMode: "async",
      shouldYield: (fiber) => fiber.currentOpCount >= OPERATIONS_MOST,
      makeDispatcher: () => dispatcher,
    };
  }
  #services(): Context.Context<never> {
    const chance = this.world.chance.branch();
    const random: typeof Random.Random.Service = {
      nextDoubleUnsafe: chance.next,
      nextIntUnsafe: () => chance.between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    };
    return Context.empty().pipe(
      Context.add(Clock.Clock, this.#clock()),
      Context.add(Random.Random, random),
      Context.add(Logger.CurrentLoggers, new Set([this.#logger()])),
    );
  }
  /** What it says goes into the trace; what it calls an error is a fault of Drayage. */
  #logger(): Logger.Logger<unknown, void> {
    return Logger.make(({ logLevel, message, cause }) => {
      const text = () => `${this.name} ${logLevel}: ${[message].flat().map(String).join(" ")} ${Cause.pretty(cause)}`;
      if (logLevel === "Error" || logLevel === "Fatal") this.world.breaks(text());
      else this.world.trace(text);
    });
  }
  #clock(): Clock.Clock {
    const { world } = this;
    const nanos = (): bigint => BigInt(world.now) * 1_000_000n;
    return {
      currentTimeMillisUnsafe: () => world.now,
      currentTimeMillis: Effect.sync(() => world.now),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) => {
        const ms = Duration.toMillis(duration);
        if (!Number.isFinite(ms)) return Effect.never;
        return Effect.callback((resume) => {
          const callOff = world.after(Math.ceil(ms), () => this.post(() => resume(Effect.void)));
          return Effect.sync(callOff);
        });
      },
    };
  }
}

/** As Effect's own scheduler has it: what is longer lets others go on. */
const OPERATIONS_MOST = 2048;
