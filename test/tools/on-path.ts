import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { isStatic } from "./elf.ts";
import type { NeededTool } from "./needed.ts";
import { run } from "./run.ts";

/** Debian puts some tools where a plain user's PATH does not reach. */
const MORE_FOLDERS = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
const PROBE_TIMEOUT_MS = 20_000;

/** Where the machine itself has the tool: the first one on PATH that starts, and that is static where it must be. */
export const onPath = async (tool: NeededTool): Promise<string | undefined> => {
  const folders = [...new Set([...(process.env["PATH"] ?? "").split(delimiter).filter(Boolean), ...MORE_FOLDERS])];
  for (const folder of folders) {
    const path = join(folder, tool.command);
    if (await works(tool, path)) return path;
  }
  return undefined;
};

/** The file is there, may be run, runs, and is static where it must be. */
export const works = async (tool: NeededTool, path: string): Promise<boolean> => {
  const runnable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!runnable) return false;
  const { code } = await run(path, tool.probe, { timeoutMs: PROBE_TIMEOUT_MS });
  return code === 0 && (!tool.static || (await isStatic(path)));
};
