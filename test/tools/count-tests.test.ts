import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./run.ts";

const SCRIPT = fileURLToPath(new URL("../../tools/count-tests.mjs", import.meta.url));

interface Row {
  readonly what: string;
  readonly log: string;
  readonly status: number;
  readonly says: string;
  readonly code: number;
}

const domain = "@drayage/domain:test: ";
const ROWS: ReadonlyArray<Row> = [
  {
    what: "sums the packages, in colours too, cached or not",
    log: [
      `${domain}      Tests  41 passed (41)`,
      "@drayage/config:test: \u001b[2m      Tests \u001b[22m \u001b[1m\u001b[32m7 passed\u001b[39m\u001b[22m (7)",
      "@drayage/config:test:  Test Files  3 passed (3)",
      "Cached:    1 cached, 2 total",
    ].join("\n"),
    status: 0,
    says: "48 passed, 0 failed",
    code: 0,
  },
  {
    what: "counts a failing test once, not the failing task as well",
    log: `${domain}      Tests  1 failed | 40 passed (41)\nFailed:    @drayage/domain#test\n`,
    status: 1,
    says: "40 passed, 1 failed",
    code: 1,
  },
  {
    what: "counts a task that failed without a test: compiler, linter, a suite that does not load",
    log: `${domain}      Tests  41 passed (41)\n Failed:    @drayage/domain#lint, @drayage/config#test`,
    status: 1,
    says: "41 passed, 2 failed",
    code: 1,
  },
  {
    what: "counts what was not run as failed",
    log: `${domain}      Tests  40 passed | 1 skipped (41)`,
    status: 0,
    says: "40 passed, 1 failed",
    code: 1,
  },
  {
    what: "is not well when the run was not, whatever it said",
    log: `${domain}      Tests  41 passed (41)`,
    status: 1,
    says: "41 passed, 1 failed",
    code: 1,
  },
  { what: "is not well when nothing was run", log: "", status: 0, says: "0 passed, 1 failed", code: 1 },
];

describe("count-tests", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drayage-count-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(ROWS)("$what", async ({ log, status, says, code }) => {
    const file = join(folder, "log");
    await writeFile(file, log);
    const ran = await run(process.execPath, [SCRIPT, file, String(status)]);
    expect(ran.stdout.trim()).toBe(says);
    expect(ran.code).toBe(code);
  });
});
