import type { Config } from "@drayage/config";
import {
  discardParked,
  pauseTarget,
  resumeTarget,
  retryParked,
  setBackfillWindow,
  type WasParked,
} from "@drayage/delivery";
import { type Depth, encodeEvent, type Window } from "@drayage/domain";
import { Database, type DatabaseError, type DatabaseShape, type EventLogShape } from "@drayage/event-log";
import * as Effect from "effect/Effect";

/** What a person may do, through the API or the command. Each is in the log with who asked and why. Reject like `Reads`. */
export interface Acts {
  /** Registry names of targets: what else is named is not found. */
  readonly isTarget: (name: string) => boolean;
  /** False: it was so already. */
  readonly pause: (target: string, by: By) => Promise<boolean>;
  readonly resume: (target: string, by: By) => Promise<boolean>;
  /** The same for its backfill alone. */
  readonly pauseBackfill: (target: string, by: By) => Promise<boolean>;
  readonly resumeBackfill: (target: string, by: By) => Promise<boolean>;
  /** When backfill may begin at a target; undefined: at any time. */
  readonly setWindow: (target: string, window: Window | undefined) => Promise<void>;
  readonly retry: (which: Which, by: By) => Promise<ReadonlyArray<WasParked>>;
  readonly discard: (which: Which, by: By) => Promise<ReadonlyArray<WasParked>>;
  /** Gives the log position after which all that was asked of the target is looked at again. */
  readonly replay: (replay: Replay, by: By) => Promise<{ readonly after: number }>;
}
export interface By {
  /** e.g. `user:ci`. */
  readonly actor: string;
  readonly why: string;
}
/** Parked deliveries by id, of one target, or both; with neither: all. */
export interface Which {
  readonly target?: string | undefined;
  readonly deliveries?: ReadonlyArray<string> | undefined;
}
export interface Replay {
  readonly target: string;
  /** A log position, or a time: what was recorded from then on. */
  readonly from: number | Date;
  readonly depth: Depth;
}

export const makeActs = (config: Pick<Config, "routes">, database: DatabaseShape, log: EventLogShape): Acts => {
  const targets = new Set(config.routes.flatMap((route) => route.to.map(({ registry }) => registry)));
  const run = <A>(effect: Effect.Effect<A, DatabaseError, Database>): Promise<A> =>
    Effect.runPromise(Effect.provideService(effect, Database, database));
  return {
    isTarget: (name) => targets.has(name),
    pause: (target, by) => run(pauseTarget({ target, ...by })),
    resume: (target, by) => run(resumeTarget({ target, ...by })),
    pauseBackfill: (target, by) => run(pauseTarget({ target, backfill: true, ...by })),
    resumeBackfill: (target, by) => run(resumeTarget({ target, backfill: true, ...by })),
    setWindow: (target, window) =>
      run(database.attempt("set backfill window", () => setBackfillWindow(database.kysely, target, window))),
    retry: (which, by) => run(retryParked({ ...which, ...by })),
    discard: (which, by) => run(discardParked({ ...which, ...by })),
    replay: async ({ target, from, depth }, { actor, why }) => {
      const after = typeof from === "number" ? from : await Effect.runPromise(log.positionAt(from));
      const event = encodeEvent({ _tag: "ReplayRequested", target, after, depth, why });
      await Effect.runPromise(log.append([{ ...event, source: `/targets/${target}`, actor }]));
      return { after };
    },
  };
};
