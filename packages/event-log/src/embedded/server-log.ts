import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Some weeks of a server that logs warnings only. Looked at when the server starts; one older file is kept. */
const LOG_BYTES_MAX = 8 * 1024 * 1024;
/** What the server said last, for an error message. */
const TAIL_BYTES = 4 * 1024;

/** Opens the log for the server to append to. */
export const openServerLog = async (path: string): Promise<FileHandle> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(path, `${path}.1`);
  return open(path, "a+", 0o600);
};

/** What was written since `from`, its end when that is long. */
export const logSince = async (log: FileHandle, from: number): Promise<string> => {
  const { size } = await log.stat();
  const start = Math.max(from, size - TAIL_BYTES);
  const buffer = Buffer.alloc(Math.max(0, size - start));
  await log.read(buffer, 0, buffer.length, start);
  return buffer.toString("utf8");
};
