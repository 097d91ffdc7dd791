import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import * as Stream from "effect/Stream";
import type { BusUnavailable } from "../bus.ts";
import { hearFirst, takeBackQueued } from "./books.ts";
import { type Control, query } from "./control.ts";
import { bury } from "./dead-letters.ts";
import { type Answered, hear } from "./inbox.ts";
import { issue } from "./issue.ts";
import { AGAIN_MS, LOOK_MS } from "./limits.ts";

/** Time for workers to be heard after nobody listened: their beats are 20 s apart. */
const HEAR_FIRST_MS = 60_000;

/** The control side of one target, for ever: work goes out, words come in. Whatever fails is told and begun again, and concerns this target alone. */
export const serveTarget = (control: Control): Effect.Effect<never> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { target } = control.names;
      yield* again("begin", begin(control));
      const signals = yield* Queue.sliding<void>(1);
      const signal = Effect.asVoid(Queue.offer(signals, undefined));
      const answered: Answered = new Map();
      yield* control.bus.wakes(target).pipe(
        Stream.runForEach(() => signal),
        Effect.forkScoped,
      );
      yield* signal.pipe(Effect.delay(LOOK_MS), Effect.forever, Effect.forkScoped);
      // What was heard may have made room, or have given back what is due at once.
      const heard = Effect.tap(hear(control, answered), (something) => (something ? signal : Effect.void));
      yield* Effect.forkScoped(Effect.forever(again("hear the inbox", heard)));
      yield* Effect.forkScoped(Effect.forever(again("hear the dead letters", bury(control))));
      return yield* Effect.forever(Effect.andThen(Queue.take(signals), again("hand out work", issue(control))));
    }),
  );

const begin = (control: Control) =>
  Effect.gen(function* () {
    const { target } = control.names;
    yield* query(control, "hear workers first", (db) => hearFirst(db, target, HEAR_FIRST_MS));
    // Two of us for a moment: what the other has just handed out goes out anew, and is refused in its old form.
    yield* query(control, "take back what is out", (db) => takeBackQueued(db, target, true));
  });

/** Once, until it works: an outage is a line each time it is tried, a bug all there is to know. */
const again = <A>(what: string, effect: Effect.Effect<A, BusUnavailable>): Effect.Effect<A> =>
  Effect.catchCause(effect, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt;
    const error = Cause.hasDies(cause) ? undefined : Cause.squash(cause);
    const told =
      error instanceof Error
        ? Effect.logWarning(`the bus could not ${what}, and tries again: ${error.message}`)
        : Effect.logError(`the bus could not ${what} for a fault of Drayage, and tries again`, cause);
    return told.pipe(Effect.andThen(Effect.sleep(AGAIN_MS)), Effect.andThen(Effect.suspend(() => again(what, effect))));
  });
