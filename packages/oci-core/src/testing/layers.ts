import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { type Digest, finishDigest } from "../model/index.ts";
import { seededBytes } from "./random.ts";

/**
 * Layers from a seed: real tar archives of one file of noise, in gzip with stored blocks. So they have the very size that
 * was asked for, are the same on every machine and zlib version, cannot be made smaller, and every client can unpack them.
 */

/** A blob of a fixture: opened as often as it is needed, never held in memory. */
export interface BlobFixture {
  readonly digest: Digest;
  readonly size: number;
  readonly open: () => Readable;
}

/** A layer, with the digest of its archive that the configuration lists. */
export interface LayerFixture extends BlobFixture {
  readonly diffId: Digest;
}

const TAR_BLOCK_BYTES = 512;
/** Header of the file and the two zero blocks at the end (POSIX ustar). */
const TAR_OVERHEAD_BYTES = 3 * TAR_BLOCK_BYTES;
/** Header and trailer of gzip (RFC 1952). */
const GZIP_OVERHEAD_BYTES = 18;
/** Most bytes of a stored block, and its own header (RFC 1951 section 3.2.4). */
const STORED_BYTES_MAX = 65_535;
const STORED_HEADER_BYTES = 5;
/** The biggest size that the octal field of a tar header can hold. */
const TAR_FILE_BYTES_MAX = 0o77777777777;

/** A layer of exactly `size` bytes. Below about 1.6 kB there is no room for an archive: then it is bare noise. */
export const layer = (seed: string, size: number): LayerFixture => {
  const archive = archiveSize(size);
  const open = (): Readable =>
    Readable.from(archive === undefined ? seededBytes(seed, size) : gzip(seed, size, archive), { objectMode: false });
  const whole = createHash("sha256");
  const inner = createHash("sha256");
  if (archive === undefined) {
    for (const piece of seededBytes(seed, size)) whole.update(piece);
    const digest = finishDigest("sha256", whole);
    return { digest, diffId: digest, size, open };
  }
  for (const piece of gzip(seed, size, archive, (part) => inner.update(part))) whole.update(piece);
  return { digest: finishDigest("sha256", whole), diffId: finishDigest("sha256", inner), size, open };
};

/** Bytes of the archive within a layer of `size`; `undefined` where none fits. */
const archiveSize = (size: number): number | undefined => {
  const room = size - GZIP_OVERHEAD_BYTES;
  const full = STORED_BYTES_MAX + STORED_HEADER_BYTES;
  const rest = room % full;
  const archive = Math.floor(room / full) * STORED_BYTES_MAX + Math.max(0, rest - STORED_HEADER_BYTES);
  return archive >= TAR_OVERHEAD_BYTES && archive <= TAR_FILE_BYTES_MAX ? archive : undefined;
};

function* gzip(
  seed: string,
  size: number,
  archive: number,
  onArchive?: (piece: Uint8Array) => void,
): Generator<Uint8Array> {
  const blocks = Math.ceil(archive / STORED_BYTES_MAX);
  const spare = size - GZIP_OVERHEAD_BYTES - blocks * STORED_HEADER_BYTES - archive;
  // What is left over (a few bytes) goes into the file name of the header.
  const name = spare === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.alloc(spare - 1, "x"), Buffer.from([0])]);
  yield Buffer.concat([Buffer.from([0x1f, 0x8b, 8, spare === 0 ? 0 : 0x08, 0, 0, 0, 0, 0, 0xff]), name]);
  let crc = 0;
  let left = archive;
  for (const block of inBlocks(tar(seed, archive))) {
    left -= block.byteLength;
    crc = crc32(block, crc);
    onArchive?.(block);
    const header = Buffer.alloc(STORED_HEADER_BYTES);
    header.writeUInt8(left === 0 ? 1 : 0, 0);
    header.writeUInt16LE(block.byteLength, 1);
    header.writeUInt16LE(block.byteLength ^ 0xffff, 3);
    yield header;
    yield block;
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(archive % 2 ** 32, 4);
  yield trailer;
}

/** A tar archive of exactly `size` bytes; zeros after its end are allowed. */
function* tar(seed: string, size: number): Generator<Uint8Array> {
  const content = Math.floor((size - TAR_OVERHEAD_BYTES) / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
  yield tarHeader(`layer-${createHash("sha256").update(seed).digest("hex").slice(0, 12)}.bin`, content);
  yield* seededBytes(seed, content);
  yield Buffer.alloc(size - TAR_BLOCK_BYTES - content);
}

const tarHeader = (name: string, size: number): Buffer => {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
};

/** Joins and cuts to pieces of `STORED_BYTES_MAX`; only the last is shorter. */
function* inBlocks(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let block = Buffer.alloc(STORED_BYTES_MAX);
  let used = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; ) {
      const taken = Math.min(STORED_BYTES_MAX - used, piece.byteLength - at);
      block.set(piece.subarray(at, at + taken), used);
      at += taken;
      used += taken;
      if (used < STORED_BYTES_MAX) continue;
      yield block;
      // The old one may still wait in a stream.
      block = Buffer.alloc(STORED_BYTES_MAX);
      used = 0;
    }
  }
  if (used > 0) yield block.subarray(0, used);
}
