import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, parse, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const OTHERS_MAY_ENTER = 0o001;
const HERE = fileURLToPath(new URL(".", import.meta.url));
/** Of the monorepo: packages/event-log/src/testing is four levels below. */
const CHECKOUT = join(HERE, "../../../..");

const isOpen = (directory: string): boolean =>
  (statSync(directory).mode & OTHERS_MAY_ENTER) !== 0 &&
  (directory === parse(directory).root || isOpen(dirname(directory)));

let opened: Promise<string> | undefined;

/**
 * This directory, where every user of the machine can read it: as it is, or, from a checkout that lies below a closed directory (a clone of
 * `mktemp -d`, a home), as hard links of the checkout's sources and modules in a directory that is open. Ends with the process.
 */
export const openCheckout = (): Promise<string> => {
  opened ??= isOpen(HERE) ? Promise.resolve(HERE) : link();
  return opened;
};

const link = async (): Promise<string> => {
  const open = mkdtempSync(join(tmpdir(), "drayage-open-checkout-"));
  process.once("exit", () => rmSync(open, { recursive: true, force: true }));
  chmodSync(open, 0o755);
  const parts = ["package.json", "node_modules", "packages"].map((part) => join(CHECKOUT, part));
  // Another file system takes no hard links.
  await run("cp", ["-al", ...parts, open]).catch(() => run("cp", ["-a", ...parts, open]));
  return join(open, relative(CHECKOUT, HERE));
};

/** The same file below an open checkout, where it lies in this one; itself where it lies elsewhere (a Node of the system). */
export const openPath = (path: string, openHere: string): string => {
  const inside = relative(CHECKOUT, path);
  return inside.startsWith("..") ? path : join(openHere, relative(HERE, CHECKOUT), inside);
};
