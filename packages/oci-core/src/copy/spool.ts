import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { type FileHandle, mkdir, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { Digest } from "../model/brand.ts";
import type { Descriptor } from "../model/descriptor.ts";

/** One read of the file: what a socket takes at once. */
const PIECE_BYTES = 128 * 1024;

/** Writes a blob's bytes in order; answered once the file has them. */
export type SpoolWrite = (piece: Buffer, done: (error?: Error) => void) => void;

/** A place on disk for blobs that several copies of this process want: read once from the source, followed by every target at its own pace. */
export interface BlobSpool {
  /**
   * The bytes from `from` on, as they arrive. `fill` is run by whoever comes first, once, with all bytes to write; when it fails, all who follow fail with
   * the same error. `undefined`: there is no room, and the caller reads for itself.
   */
  readonly follow: (
    blob: Descriptor,
    from: number,
    fill: (write: SpoolWrite, signal: AbortSignal) => Promise<void>,
  ) => Readable | undefined;
  /** Bytes that are taken at the moment. */
  readonly bytes: () => number;
}

export interface SpoolOptions {
  /** A directory of ours; made when it is missing, readable for us alone. Files are unlinked while they are open: none is left behind. */
  readonly folder: string;
  /** Bytes on disk at most. A blob that finds no room is read from its source by each copy. */
  readonly bytesMax: number;
}

/** Makes a spool; its scope closes all files. */
export const makeSpool = (options: SpoolOptions): Effect.Effect<BlobSpool, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Spool(options)),
      (spool) => Effect.promise(() => spool.close()),
    ),
    (spool): BlobSpool => ({
      follow: (blob, from, fill) => spool.follow(blob, from, fill),
      bytes: () => spool.bytes,
    }),
  );

class Spool {
  readonly #options: SpoolOptions;
  /** The least recently used first. */
  readonly #entries = new Map<Digest, Entry>();
  bytes = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  follow(blob: Descriptor, from: number, fill: Parameters<BlobSpool["follow"]>[2]): Readable | undefined {
    const known = this.#entries.get(blob.digest);
    if (known !== undefined && known.error === undefined) {
      this.#entries.delete(blob.digest);
      this.#entries.set(blob.digest, known);
      return known.follow(from);
    }
    if (!this.#makeRoom(blob.size)) return undefined;
    const entry = new Entry(this.#options.folder, blob.size, () => {
      void this.#drop(blob.digest, entry);
    });
    this.#entries.set(blob.digest, entry);
    this.bytes += blob.size;
    entry.fillWith(fill);
    return entry.follow(from);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries].map(([digest, entry]) => this.#drop(digest, entry)));
  }

  #makeRoom(wanted: number): boolean {
    for (const [digest, entry] of this.#entries) {
      if (this.bytes + wanted <= this.#options.bytesMax) return true;
      if (entry.isIdle) void this.#drop(digest, entry);
    }
    return this.bytes + wanted <= this.#options.bytesMax;
  }

  #drop(digest: Digest, entry: Entry): Promise<void> {
    if (this.#entries.get(digest) === entry) {
      this.#entries.delete(digest);
      this.bytes -= entry.size;
    }
    return entry.close();
  }
}

/** One blob on its way: a file that grows, and those who follow it. */
class Entry {
  readonly size: number;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #stop = new AbortController();
  readonly #file: Promise<FileHandle>;
  readonly #onFailed: () => void;
  #written = 0;
  #writing: Promise<void> = Promise.resolve();
  #followers = 0;
  #isDone = false;
  error: Error | undefined;

  constructor(folder: string, size: number, onFailed: () => void) {
    this.size = size;
    this.#onFailed = onFailed;
    this.#file = openUnlinked(folder);
    this.#file.catch(() => undefined); // told by fillWith
  }

  /** Complete, and nobody reads it: its room may be given to another. */
  get isIdle(): boolean {
    return this.#isDone && this.#followers === 0;
  }

  fillWith(fill: (write: SpoolWrite, signal: AbortSignal) => Promise<void>): void {
    this.#file
      .then((file) => fill((piece, done) => this.#write(file, piece, done), this.#stop.signal))
      .then(() => this.#writing)
      .then(
        () => {
          this.#isDone = true;
          this.#changes.emit("change");
        },
        (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))),
      );
  }

  follow(from: number): Readable {
    this.#followers += 1;
    let position = from;
    const read = async (stream: Readable): Promise<void> => {
      while (position >= this.#written) {
        if (stream.destroyed) return;
        if (this.error !== undefined) throw this.error;
        if (this.#isDone) {
          stream.push(null);
          return;
        }
        await new Promise((resolve) => this.#changes.once("change", resolve));
      }
      const length = Math.min(PIECE_BYTES, this.#written - position);
      const { bytesRead, buffer } = await (await this.#file).read(Buffer.allocUnsafe(length), 0, length, position);
      position += bytesRead;
      stream.push(buffer.subarray(0, bytesRead));
    };
    const stream: Readable = new Readable({
      highWaterMark: PIECE_BYTES,
      read: () => {
        read(stream).catch((error: Error) => stream.destroy(this.error ?? error));
      },
      destroy: (error, callback) => {
        this.#followers -= 1;
        // Whoever waits for bytes that nobody wants any more looks again.
        this.#changes.emit("change");
        if (this.#followers === 0 && !this.#isDone) this.#fail(new Error("nobody follows the blob any more"));
        callback(error);
      },
    });
    return stream;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.error ??= new Error("the spool is closed");
    this.#changes.emit("change");
    await this.#file.then((file) => file.close()).catch(() => undefined);
  }

  #write(file: FileHandle, piece: Buffer, done: (error?: Error) => void): void {
    const rest = async (): Promise<void> => {
      for (let at = 0; at < piece.byteLength; ) {
        const { bytesWritten } = await file.write(piece, at, piece.byteLength - at, this.#written);
        at += bytesWritten;
        this.#written += bytesWritten;
        this.#changes.emit("change");
      }
    };
    // One after the other: the next piece may come while this one is being written.
    this.#writing = this.#writing.then(rest);
    this.#writing.then(
      () => done(),
      (error: Error) => done(error),
    );
  }

  #fail(error: Error): void {
    if (this.error !== undefined) return;
    this.error = error;
    this.#stop.abort();
    this.#changes.emit("change");
    this.#onFailed();
  }
}

const openUnlinked = async (folder: string): Promise<FileHandle> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `blob-${randomUUID()}`);
  const file = await open(path, "wx+", 0o600);
  await unlink(path);
  return file;
};
