/** One read of a socket fills at most this; larger gains nothing (measured), and it is what a stream holds at most four of. */
export const LARGE_BUFFER_BYTES = 128 * 1024;
/** What every connection has of its own: the head of an answer, a manifest, a small blob. */
export const OWN_BUFFER_BYTES = 32 * 1024;
/** All large buffers of one registry: enough for eight streams at full speed. A stream that gets none goes on with its own small one. */
const LARGE_BUFFERS_MAX = 32;

/** Memory that a socket reads into, again and again, while slices of it are lent out. */
export class ReadBuffer {
  readonly bytes: Buffer;
  readonly isLarge: boolean;
  /** Bytes that are filled already; the next read goes behind them. */
  filled = 0;
  /** Slices that somebody still uses. */
  lent = 0;

  constructor(size: number, isLarge: boolean) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.isLarge = isLarge;
  }
}

/** The large buffers of one registry: made when they are first wanted, kept, bounded. */
export class BufferStore {
  readonly #free: ReadBuffer[] = [];
  #made = 0;

  take(): ReadBuffer | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#made === LARGE_BUFFERS_MAX) return free;
    this.#made += 1;
    return new ReadBuffer(LARGE_BUFFER_BYTES, true);
  }

  give(buffer: ReadBuffer): void {
    buffer.filled = 0;
    this.#free.push(buffer);
  }
}
