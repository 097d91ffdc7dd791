/**
 * Imported before everything else. Pages of the log and what is made of them are garbage a moment later, but V8 lets its heap grow while a process is busy,
 * and memory that it has grown into counts as the process's own. A dispatcher holds little that lives for long (some 35 MiB), so a larger heap would only
 * hold garbage for longer:
 *
 * - The young generation is kept at its first size.
 * - The old one is collected when it is 60 % larger than what was alive, where V8 waits up to four times as long. With 20 targets and 30,000 events
 *   that took the peak from 278 MiB resident to 184. A collection of so little is short.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--heap-growing-percent=60");
