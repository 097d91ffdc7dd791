import type { Readable } from "node:stream";
import { borrow } from "../registry/transport/lending.ts";

/** How a pump ended. A broken sink is told apart from a broken source, because only a source can be resumed. */
export type PumpEnd =
  | { readonly _tag: "Drained" }
  | { readonly _tag: "SourceBroke"; readonly detail: string; readonly stalled: boolean; readonly error?: unknown }
  | { readonly _tag: "SinkBroke" };

/** Where pieces go: each is given back through `done`, in order. */
export interface PieceSink {
  readonly accept: (piece: Buffer, done: () => void) => void;
  /** Closes when the sink takes no more. A sink without it always takes. */
  readonly gone?: Readable | undefined;
}

export interface PumpOptions {
  /** Called with the length of each piece that the sink took. */
  readonly onBytes: (bytes: number) => void;
  /**
   * A source that we wait for and that sends nothing for this long has stalled. ms. The time in which the sink has pieces
   * that it has not given back does not count: an upload may wait for its turn, and the client watches one that stands still.
   */
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/**
 * Moves all of `from` into the sink under back-pressure and leaves the sink open, so that another source can go on where this
 * one broke. Never rejects. `from` is destroyed at the end.
 */
export const pump = (from: Readable, { accept, gone }: PieceSink, options: PumpOptions): Promise<PumpEnd> =>
  new Promise((resolve) => {
    let settled = false;
    let out = 0;
    const timer = setTimeout(() => {
      if (out > 0) timer.refresh();
      else settle({ _tag: "SourceBroke", detail: `no byte for ${options.stallMs} ms`, stalled: true });
    }, options.stallMs);

    const settle = (end: PumpEnd): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      options.signal.removeEventListener("abort", onSinkGone);
      gone?.off("error", onSinkGone).off("close", onSinkGone);
      // The error listener stays: a stream that is destroyed may still report, and nobody else listens.
      from.on("error", () => undefined).destroy();
      resolve(end);
    };
    const onSinkGone = (): void => settle({ _tag: "SinkBroke" });

    if (options.signal.aborted || gone?.destroyed === true) return onSinkGone();
    options.signal.addEventListener("abort", onSinkGone, { once: true });
    gone?.on("error", onSinkGone).on("close", onSinkGone);
    borrow(from, {
      piece: (piece, done) => {
        if (settled) return done();
        timer.refresh();
        options.onBytes(piece.byteLength);
        out += 1;
        accept(piece, () => {
          out -= 1;
          timer.refresh();
          done();
        });
      },
      end: () => settle({ _tag: "Drained" }),
      fail: (error) => settle({ _tag: "SourceBroke", detail: error.message, stalled: false, error }),
    });
  });
