import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./process.ts";

/** The mark only rises, so what is missed is what it rose in the last moment before the end. */
const SAMPLE_EVERY_MS = 10;

/**
 * Watches a process to its end and gives the most memory that it had resident, in bytes: `VmHWM` of proc(5). Not `ru_maxrss`,
 * which a process inherits from the one that started it.
 */
export const peakMemory = async (child: Child): Promise<number> => {
  let peak = 0;
  while (child.running()) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    peak = Math.max(peak, kilobytes * 1024);
    await sleep(SAMPLE_EVERY_MS);
  }
  return peak;
};
