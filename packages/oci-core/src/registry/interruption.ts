/** As much of an `AbortSignal` as a request needs. */
export type InterruptionSignal = Pick<AbortSignal, "aborted" | "reason"> & {
  readonly addEventListener: (type: "abort", listener: () => void, options?: { readonly once?: boolean }) => void;
  readonly removeEventListener: (type: "abort", listener: () => void) => void;
};

/**
 * Ends one request from outside. Every request has one, and an `AbortController` with its events costs as much as the parsing of an answer
 * (measured), so this is the smallest thing that does the same: listeners are called once.
 */
export class Interruption implements InterruptionSignal {
  #isAborted = false;
  #listeners: Array<() => void> = [];

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return undefined;
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (!this.#isAborted) this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }
}

/** The same as a signal of the platform, for libraries that want one. */
export const platformSignal = (signal: InterruptionSignal): AbortSignal => {
  if (signal instanceof AbortSignal) return signal;
  const controller = new AbortController();
  if (signal.aborted) controller.abort();
  else signal.addEventListener("abort", () => controller.abort(), { once: true });
  return controller.signal;
};
