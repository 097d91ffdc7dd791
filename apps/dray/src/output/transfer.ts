/** What of a copy is known to move, all blobs together. Totals grow while manifests are still being read. */
export interface Moving {
  readonly bytes: number;
  readonly total: number;
  /** Bytes a second over the last seconds; 0 before anything moved. */
  readonly rate: number;
  /** Seconds until all that is known has moved; undefined while nothing moves. */
  readonly eta: number | undefined;
}

/** The rate is of this long: shorter, and it jumps with every piece; longer, and a line that died still looks alive. */
const WINDOW_MS = 5_000;
/** One mark of the clock for so many milliseconds: bytes come thousands of times a second. */
const MARK_MS = 250;

/** Adds up blobs by digest, so that one that begins again counts from its beginning. */
export class Transfer {
  readonly #blobs = new Map<string, { readonly size: number; bytes: number }>();
  readonly #now: () => number;
  #bytes = 0;
  #total = 0;
  /** All bytes that ever passed, also those sent twice: what the line does, not what is done. */
  #passed = 0;
  #marks: Array<{ readonly at: number; readonly passed: number }> = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  start(digest: string, size: number): void {
    const before = this.#blobs.get(digest);
    if (before === undefined) this.#total += size;
    else this.#bytes -= before.bytes;
    this.#blobs.set(digest, { size, bytes: 0 });
    if (this.#marks.length === 0) this.#mark();
  }

  pass(digest: string, bytes: number): void {
    const blob = this.#blobs.get(digest);
    if (blob === undefined) return;
    blob.bytes += bytes;
    this.#bytes += bytes;
    this.#passed += bytes;
    const last = this.#marks.at(-1);
    if (last === undefined || this.#now() - last.at >= MARK_MS) this.#mark();
  }

  /** Whatever way it took, all of it is there now. */
  done(digest: string): void {
    const blob = this.#blobs.get(digest);
    if (blob === undefined) return;
    this.#bytes += blob.size - blob.bytes;
    blob.bytes = blob.size;
  }

  get moving(): Moving {
    const now = this.#now();
    const since = this.#marks.find(({ at }) => now - at <= WINDOW_MS) ?? { at: now, passed: this.#passed };
    const seconds = (now - since.at) / 1000;
    const rate = seconds > 0 ? (this.#passed - since.passed) / seconds : 0;
    const eta = rate > 0 ? (this.#total - this.#bytes) / rate : undefined;
    return { bytes: this.#bytes, total: this.#total, rate, eta };
  }

  #mark(): void {
    const now = this.#now();
    this.#marks = [...this.#marks.filter(({ at }) => now - at <= WINDOW_MS), { at: now, passed: this.#passed }];
  }
}
