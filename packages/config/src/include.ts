import { glob } from "node:fs/promises";
import { resolve } from "node:path";
import type { Finding } from "./problem.ts";

/** Files of one team each: more than a thousand are a mistake in the glob. */
const FILES_MAX = 1000;

/** Absolute paths of all included files, sorted and each once; the main file never includes itself. */
export const includedFiles = async (
  patterns: ReadonlyArray<string>,
  directory: string,
  main: string,
): Promise<{
  readonly files: ReadonlyArray<string>;
  readonly problems: ReadonlyArray<Finding>;
  readonly warnings: ReadonlyArray<Finding>;
}> => {
  const files = new Set<string>();
  const problems: Array<Finding> = [];
  const warnings: Array<Finding> = [];
  for (const [index, pattern] of patterns.entries()) {
    const path = ["include", index];
    if (!/[*?[{]/.test(pattern)) {
      files.add(resolve(directory, pattern)); // a file that is missing is told by whoever reads it
      continue;
    }
    const before = files.size;
    for await (const found of glob(pattern, { cwd: directory })) {
      if (files.size >= FILES_MAX) {
        problems.push({ path, message: `more than ${FILES_MAX} files`, mend: "Narrow the glob" });
        break;
      }
      files.add(resolve(directory, found));
    }
    files.delete(main);
    if (files.size === before)
      warnings.push({ path, message: "no file matches", mend: "Correct the glob, or remove it" });
  }
  return { files: [...files].sort(), problems, warnings };
};
