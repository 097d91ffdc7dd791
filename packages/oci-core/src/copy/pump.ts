import type { Readable, Writable } from "node:stream";

/** How a pump ended. A broken sink is told apart from a broken source, because only a source can be resumed. */
export type PumpEnd =
  | { readonly _tag: "Drained" }
  | { readonly _tag: "SourceBroke"; readonly detail: string; readonly stalled: boolean; readonly error?: unknown }
  | { readonly _tag: "SinkBroke" };

export interface PumpOptions {
  /** Called with the length of each piece that the sink took. */
  readonly onBytes: (bytes: number) => void;
  /**
   * A source that we wait for and that sends nothing for this long has stalled. ms. The time in which the sink has no
   * room does not count: an upload may wait for its turn, and the client watches one that stands still.
   */
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/**
 * Moves all of `from` into `to` under back-pressure and leaves `to` open, so that another source can go on where this
 * one broke (`pipeline` would end a Transform, and destroy it with its source). Never rejects. `from` is destroyed at
 * the end.
 */
export const pump = (from: Readable, to: Writable, options: PumpOptions): Promise<PumpEnd> =>
  new Promise((resolve) => {
    let settled = false;
    const timer = setTimeout(() => {
      if (from.isPaused()) timer.refresh();
      else settle({ _tag: "SourceBroke", detail: `no byte for ${options.stallMs} ms`, stalled: true });
    }, options.stallMs);

    const settle = (end: PumpEnd): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      options.signal.removeEventListener("abort", onSinkGone);
      from.off("data", onData).off("end", onEnd).off("close", onClose);
      to.off("drain", onDrain).off("error", onSinkGone).off("close", onSinkGone);
      // The error listener stays: a stream that is destroyed may still report, and nobody else listens.
      from.destroy();
      resolve(end);
    };
    const onData = (piece: Buffer): void => {
      timer.refresh();
      options.onBytes(piece.byteLength);
      if (!to.write(piece)) from.pause();
    };
    const onDrain = (): void => {
      timer.refresh();
      from.resume();
    };
    const onEnd = (): void => settle({ _tag: "Drained" });
    const onError = (error: unknown): void =>
      settle({ _tag: "SourceBroke", detail: textOf(error), stalled: false, error });
    const onClose = (): void =>
      settle({ _tag: "SourceBroke", detail: "the connection was closed before the end", stalled: false });
    const onSinkGone = (): void => settle({ _tag: "SinkBroke" });

    from.on("error", onError);
    if (options.signal.aborted || to.destroyed) return onSinkGone();
    if (from.destroyed) return onClose();
    options.signal.addEventListener("abort", onSinkGone, { once: true });
    to.on("drain", onDrain).on("error", onSinkGone).on("close", onSinkGone);
    from.on("end", onEnd).on("close", onClose).on("data", onData);
  });

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
