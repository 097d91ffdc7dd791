// Sums what the test runners said in a log of `npm test` (also what turbo replays from its cache) and prints
// "N passed, N failed". A task that failed without a failing test of its own (compiler, linter, a suite that could not be
// loaded) counts as one failure, so the sum is never well when the run was not.
//
//   node tools/count-tests.mjs LOG STATUS     STATUS: how `npm test` ended
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";

/** turbo puts "@drayage/domain:test: " before each line of a task. */
const TASK_LINE = /^(?:(@?[\w/.-]+:[\w-]+): )?(.*)$/;
/** vitest: "      Tests  1 failed | 41 passed (42)" */
const SUMMARY = /^\s+Tests\s{2}(.+)$/;
/** turbo: "Failed:    @drayage/domain#test, @drayage/config#lint" */
const FAILED_TASKS = /^\s*Failed:\s+(\S.*)$/;

export const countTests = (log, status) => {
  let passed = 0;
  let failed = 0;
  const tasksWithFailures = new Set();
  const failedTasks = new Set();
  for (const line of stripVTControlCharacters(log).split(/\r?\n/)) {
    const [, task = "", text = ""] = TASK_LINE.exec(line) ?? [];
    const summary = SUMMARY.exec(text)?.[1];
    if (summary !== undefined) {
      const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(summary)?.[1] ?? 0);
      passed += count("passed");
      failed += count("failed");
      if (count("failed") > 0) tasksWithFailures.add(task.replace(":", "#"));
      // A test that was not run did not pass.
      failed += count("skipped") + count("todo");
    }
    const names = FAILED_TASKS.exec(text)?.[1];
    for (const name of names?.split(/,\s*/) ?? []) failedTasks.add(name.trim());
  }
  for (const task of failedTasks) if (!tasksWithFailures.has(task)) failed += 1;
  if (failed === 0 && (status !== 0 || passed === 0)) failed = 1;
  return { passed, failed };
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , file, status = "0"] = process.argv;
  const { passed, failed } = countTests(readFileSync(file, "utf8"), Number(status));
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
