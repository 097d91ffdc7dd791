/**
 * Imported before everything else. Pages of the log and what is made of them are garbage a moment later, but V8 lets its young generation grow while a process
 * is busy, and moves to the old one what outlives it by accident. Kept at its first size, a dispatcher that goes through a million events for twenty
 * targets peaks at two thirds of the memory, and is no slower.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");
