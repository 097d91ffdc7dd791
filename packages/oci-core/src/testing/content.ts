import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { algorithmOf } from "./grammar.ts";

/** Blobs up to this stay in memory: configurations and the small layers of tests, without a file for each. */
const MEMORY_BYTES_MAX = 1024 * 1024;

/** Bytes of a blob, in memory or in a file. */
export type Content =
  | { readonly _tag: "Memory"; readonly bytes: Uint8Array }
  | { readonly _tag: "File"; readonly path: string };

/** Reads the bytes `from` to `to`, both included. */
export const openContent = (content: Content, from: number, to: number): Readable => {
  if (to < from) return Readable.from([]);
  if (content._tag === "File") return createReadStream(content.path, { start: from, end: to });
  return Readable.from([content.bytes.subarray(from, to + 1)], { objectMode: false });
};

/** Forgets the bytes. A reader that has the file open goes on reading it. */
export const discardContent = async (content: Content): Promise<void> => {
  if (content._tag === "File") await rm(content.path, { force: true });
};

/** Takes the bytes of one upload, hashing them as they pass. Appends must not overlap. */
export interface Spool {
  readonly size: () => number;
  readonly append: (piece: Uint8Array) => Promise<void>;
  /** The digest of what came so far, under the algorithm of `like`. */
  readonly digest: (like: string) => Promise<string>;
  /** Ends the spool; its content lives on. */
  readonly finish: () => Promise<Content>;
  /** Ends the spool and its content. */
  readonly discard: () => Promise<void>;
}

/** Opens a spool whose file, if it needs one, is `directory/name`. */
export const makeSpool = (directory: string, name: string): Spool => {
  const path = join(directory, name);
  const sha256 = createHash("sha256");
  const pieces: Array<Uint8Array> = [];
  let size = 0;
  let file: FileHandle | undefined;

  const append = async (piece: Uint8Array): Promise<void> => {
    sha256.update(piece);
    size += piece.byteLength;
    if (file === undefined && size > MEMORY_BYTES_MAX) {
      file = await open(path, "w");
      for (const earlier of pieces.splice(0)) await writeAll(file, earlier);
    }
    if (file === undefined) pieces.push(piece);
    else await writeAll(file, piece);
  };
  const content = (): Content =>
    file === undefined ? { _tag: "Memory", bytes: Buffer.concat(pieces) } : { _tag: "File", path };

  return {
    size: () => size,
    append,
    digest: async (like) => {
      const algorithm = algorithmOf(like);
      if (algorithm === "sha256") return `sha256:${sha256.copy().digest("hex")}`;
      // Other algorithms are rare: read again what was stored.
      const hash = createHash(algorithm);
      for await (const piece of openContent(content(), 0, size - 1)) hash.update(piece);
      return `${algorithm}:${hash.digest("hex")}`;
    },
    finish: async () => {
      await file?.close();
      return content();
    },
    discard: async () => {
      await file?.close();
      await discardContent(content());
      pieces.length = 0;
    },
  };
};

/** A write to a file may be short; go on until all of it is there. */
const writeAll = async (file: FileHandle, piece: Uint8Array): Promise<void> => {
  let done = 0;
  while (done < piece.byteLength) {
    const { bytesWritten } = await file.write(piece, done);
    done += bytesWritten;
  }
};
