/**
 * Imported before everything else. Pages of the log and what is made of them are garbage a moment later, but V8 lets its young generation grow while a
 * process is busy, and memory that it has grown into counts as the process's own. Here it is kept at its first size: a dispatcher holds little that
 * lives for long, so a larger one would only hold garbage for longer.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");
