import { open } from "node:fs/promises";

const HEADER_BYTES = 64;
const PROGRAM_INTERPRETER = 3;
/** Real programs have about ten program headers. */
const PROGRAM_HEADERS_MAX = 100;

/** Whether a 64-bit little-endian ELF program needs no dynamic loader (no PT_INTERP program header; elf(5)). */
export const isStatic = async (path: string): Promise<boolean> => {
  const file = await open(path, "r");
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    await file.read(header, 0, HEADER_BYTES, 0);
    const is64BitElf = header.subarray(0, 6).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));
    if (!is64BitElf) return false;
    const start = Number(header.readBigUInt64LE(0x20));
    const size = header.readUInt16LE(0x36);
    const count = Math.min(header.readUInt16LE(0x38), PROGRAM_HEADERS_MAX);
    const table = Buffer.alloc(size * count);
    await file.read(table, 0, table.length, start);
    return Array.from({ length: count }, (_, n) => table.readUInt32LE(n * size)).every(
      (t) => t !== PROGRAM_INTERPRETER,
    );
  } finally {
    await file.close();
  }
};
