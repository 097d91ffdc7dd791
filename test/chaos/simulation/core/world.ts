import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { Agenda } from "./agenda.ts";
import { type Chance, chanceOf } from "./chance.ts";
import type { Process } from "./process.ts";

/** When every schedule begins, ms since the epoch. Any time will do; it shows in no result. */
const BEGIN_MS = Date.UTC(2026, 0, 1);
/** Turns of the event loop that a stream in memory gets to end by itself; it takes three or four. */
const TURNS_MOST = 64;

/** How a run of the world ended: `done` said so, nothing is left to happen, or the time is over. */
export type Ended = "done" | "idle" | "late" | "broken";

/**
 * One schedule: virtual time, chance, and processes whose steps are taken one at a time. Nothing in it depends on real time, so the same
 * seed gives the same schedule.
 */
export class World {
  readonly chance: Chance;
  /** Those that have something to do, in the order in which they got it. */
  readonly ready: Array<Process> = [];
  /** Told of everything that is worth a line in a trace. */
  readonly trace: (line: () => string) => void;
  /** Called before each step of a process, which may be its last. */
  beforeStep: (process: Process) => void = () => {};
  /** What broke a rule, in words. The first ends the run. */
  readonly broken: Array<string> = [];
  steps = 0;
  #now = BEGIN_MS;
  readonly #agenda = new Agenda();
  readonly #turns: Chance;
  readonly #streams = new Set<object>();

  constructor(seed: number, trace?: (line: string) => void) {
    this.chance = chanceOf(seed);
    this.#turns = this.chance.branch();
    this.trace = trace === undefined ? () => {} : (line) => trace(`${this.#stamp()} ${line()}`);
  }

  /** ms since the epoch. */
  get now(): number {
    return this.#now;
  }
  /** ms since the world began. */
  get age(): number {
    return this.#now - BEGIN_MS;
  }

  breaks(rule: string): void {
    this.broken.push(`${this.#stamp().trim()} s: ${rule}`);
    this.trace(() => `BROKEN: ${rule}`);
  }

  /** Does something after `delay` ms. Returns what calls it off. */
  after(delay: number, run: () => void): () => void {
    return this.#agenda.add(this.#now + Math.max(0, delay), this.#turns.next(), run);
  }

  /** A stream of Node is being read: it moves by turns of the event loop, and nothing else happens until it has ended. */
  streams(stream: { readonly once: (event: "close", listener: () => void) => unknown }): void {
    this.#streams.add(stream);
    stream.once("close", () => this.#streams.delete(stream));
  }

  /** Takes steps until `isDone`, which is asked whenever virtual time moves on, or for `forMs` of virtual time. */
  async run(isDone: () => boolean, forMs: number): Promise<Ended> {
    const until = this.#now + forMs;
    for (;;) {
      if (this.broken.length > 0) return "broken";
      if (this.#streams.size > 0) await this.#letStreamsEnd();
      const process = this.#turns.any(this.ready);
      if (process !== undefined) {
        this.steps += 1;
        this.beforeStep(process);
        process.step();
        continue;
      }
      if (isDone()) return "done";
      const next = this.#agenda.take();
      if (next === undefined) return "idle";
      if (next.at > until) {
        this.#agenda.add(next.at, this.#turns.next(), next.run);
        this.#now = until;
        return "late";
      }
      this.#now = next.at;
      next.run();
    }
  }

  async #letStreamsEnd(): Promise<void> {
    for (let turn = 0; turn < TURNS_MOST && this.#streams.size > 0; turn += 1) await turnOfTheLoop();
    this.#streams.clear();
    // What waited for the end of a stream goes on by promises.
    await turnOfTheLoop();
  }

  #stamp(): string {
    return (this.age / 1000).toFixed(3).padStart(10);
  }
}
