import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { Process } from "./process.ts";

/** How one request travels. */
export interface Journey<E> {
  /** ms until it arrives there; undefined: it is lost on the way. */
  readonly there: number | undefined;
  /** ms until the answer is back; undefined: the answer is lost. */
  readonly back: number | undefined;
  /** What the caller is told, and after how long, when no answer comes. */
  readonly silence: { readonly after: number; readonly error: () => E };
}

/** Of those who hang up, how many do so before the other side has begun. */
const IN_TIME = 0.5;

/**
 * A request of a process to something outside of it. What happens there happens at once, whether or not the caller is still there: a process
 * that was killed, or that hung up, does not take back what it sent.
 */
export const remote = <A, E>(process: Process, journey: Journey<E>, act: () => Exit.Exit<A, E>): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const { world } = process;
    const answer = (exit: Exit.Exit<A, E>): void => process.post(() => resume(exit));
    const { there, back, silence } = journey;
    let callOff = (): void => {};
    if (there !== undefined) {
      callOff = world.after(there, () => {
        const exit = act();
        if (back !== undefined) world.after(back, () => answer(exit));
      });
    }
    if (there === undefined || back === undefined) world.after(silence.after, () => answer(Exit.fail(silence.error())));
    return Effect.sync(() => {
      if (world.chance.happens(IN_TIME)) callOff();
    });
  });
