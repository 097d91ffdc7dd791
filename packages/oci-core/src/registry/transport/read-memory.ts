import { type BufferStore, OWN_BUFFER_BYTES, ReadBuffer } from "./buffers.ts";

/** Below this the rest of a buffer is not worth a read. */
const ROOM_BYTES_MIN = 16 * 1024;
/** Large buffers of one connection: one that is filled, and those that are on their way out. */
const LARGE_BUFFERS_EACH = 4;

/**
 * Where one connection reads to: a small buffer of its own, and large ones while a body is long. What was read is lent out slice by slice; a buffer
 * is used again when all of its slices are back.
 */
export class ReadMemory {
  readonly #store: BufferStore;
  readonly #readOn: () => void;
  readonly #own = new ReadBuffer(OWN_BUFFER_BYTES, false);
  #current: ReadBuffer = this.#own;
  #reading: ReadBuffer = this.#own;
  #spare: ReadBuffer | undefined;
  #larges = 0;
  #isFull = false;
  #isClosed = false;

  /** `readOn` is called when there is room again after `findRoom` found none. */
  constructor(store: BufferStore, readOn: () => void) {
    this.#store = store;
    this.#readOn = readOn;
  }

  /** All of it is lent out: nothing can be read. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Where the next read goes. Node asks after each read, also after one that stopped reading. */
  room(): Buffer {
    const { bytes, filled } = this.#current;
    return bytes.subarray(filled);
  }

  /** `count` bytes were read: `use` may `lend` slices of them. */
  read(count: number, use: (bytes: Buffer) => void): void {
    const buffer = this.#current;
    const from = buffer.filled;
    buffer.filled += count;
    buffer.lent += 1; // ours, while it is looked at
    this.#reading = buffer;
    use(buffer.bytes.subarray(from, from + count));
    buffer.lent -= 1;
    if (this.#isClosed) this.#giveBack(buffer);
  }

  /** Counts one more slice of what is being read; the answer gives it back. */
  lend(): () => void {
    const buffer = this.#reading;
    buffer.lent += 1;
    return () => {
      buffer.lent -= 1;
      if (buffer.lent === 0) this.#returned(buffer);
    };
  }

  /**
   * Sees to it that the next read has room. `false`: reading has to stop until something is back. Even then there is some, since TLS goes on with what
   * it has deciphered already. `left`: bytes that are still to come.
   */
  findRoom(left: number): boolean {
    const buffer = this.#current;
    if (buffer.lent === 0) buffer.filled = 0;
    const wantsLarge = left > OWN_BUFFER_BYTES;
    const hasRoom = buffer.bytes.byteLength - buffer.filled >= ROOM_BYTES_MIN;
    if (hasRoom && (this.#isFull || buffer.isLarge === wantsLarge)) return !this.#isFull;
    const next = this.#isFull ? undefined : this.#other(wantsLarge || !hasRoom);
    if (next === undefined && hasRoom) return true;
    this.#current = next ?? this.#takeSpare();
    this.#giveBack(buffer);
    if (next === undefined) this.#isFull = true;
    return next !== undefined;
  }

  /** No more is read. What is lent stays valid until it is back. */
  close(): void {
    this.#isClosed = true;
    this.#giveBack(this.#current);
  }

  #other(mayBeLarge: boolean): ReadBuffer | undefined {
    const large = mayBeLarge && this.#larges < LARGE_BUFFERS_EACH ? this.#store.take() : undefined;
    if (large !== undefined) {
      this.#larges += 1;
      return large;
    }
    if (this.#current === this.#own || this.#own.lent > 0) return undefined;
    this.#own.filled = 0;
    return this.#own;
  }

  /** A small one, where all others are lent. */
  #takeSpare(): ReadBuffer {
    const kept = this.#spare;
    const spare =
      kept !== undefined && kept.lent === 0 && kept !== this.#current ? kept : new ReadBuffer(OWN_BUFFER_BYTES, false);
    spare.filled = 0;
    this.#spare = spare;
    return spare;
  }

  #returned(buffer: ReadBuffer): void {
    if (buffer !== this.#current || this.#isClosed) this.#giveBack(buffer);
    if (!this.#isFull || this.#isClosed) return;
    this.#isFull = false;
    this.#readOn();
  }

  #giveBack(buffer: ReadBuffer): void {
    if (buffer.lent > 0 || !buffer.isLarge) return;
    this.#larges -= 1;
    this.#store.give(buffer);
  }
}
