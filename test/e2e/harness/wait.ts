import { setTimeout as sleep } from "node:timers/promises";

/** Often enough for the times that the tests print, seldom enough to leave the processor to what is tested. */
const EVERY_MS = 25;

/** Thrown by a probe when waiting longer is no use: the process ended, say. */
export class Hopeless extends Error {
  override readonly name = "Hopeless";
}

export interface WaitOptions {
  /** Completes "waited for …". */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number | undefined;
  /** Added to the message of a failure: logs, states. */
  readonly explain?: (() => string | Promise<string>) | undefined;
}

/**
 * Asks again and again until the probe gives anything but `undefined` or `false`. At the deadline it fails with the last
 * reason: the error that the probe threw, or that it was not yet so. The probe says why by throwing.
 */
export const waitFor = async <A>(
  probe: () => Promise<A | false | undefined> | A | false | undefined,
  { what, withinMs, everyMs = EVERY_MS, explain }: WaitOptions,
): Promise<A> => {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const { value, why, hopeless } = await attempt(probe);
    if (value !== undefined && value !== false) return value;
    if (hopeless === true || performance.now() > deadline) {
      const more = explain === undefined ? "" : `\n${await explain()}`;
      const waited = withinMs - Math.max(0, deadline - performance.now());
      throw new Error(`waited ${Math.round(waited)} ms for ${what}: ${why}${more}`);
    }
    await sleep(everyMs);
  }
};

const attempt = async <A>(
  probe: () => Promise<A | false | undefined> | A | false | undefined,
): Promise<{ readonly value?: A | false | undefined; readonly why: string; readonly hopeless?: boolean }> => {
  try {
    return { value: await probe(), why: "not yet so" };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { why, hopeless: error instanceof Hopeless };
  }
};
