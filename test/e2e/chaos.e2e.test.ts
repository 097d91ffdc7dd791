import { expect, it } from "vitest";
import { chaos } from "../chaos/live/chaos.ts";
import { report } from "./harness/report.ts";

/** Long enough for some twenty blows; `npm run chaos` goes on for minutes. */
const LASTS_MS = 45_000;
const CHANGES = 80;
const SEED = 4;

it("eleven processes under kill -9 and partitions: every target becomes what its source is, and no work is done twice", async () => {
  const found = await chaos({ seed: SEED, lastsMs: LASTS_MS, changes: CHANGES, say: () => {} });
  report("blows", JSON.stringify(found.blows));
  report("after the storm, every target level", `${found.levelMs} ms`);
  report("copies, deletions, failed attempts", `${found.copied}, ${found.deleted}, ${found.failed}`);
  expect(found.broken).toEqual([]);
  // Events brought everything: nothing was left to a reconciliation.
  expect(found.drift).toEqual({});
  expect(found.copied).toBeGreaterThan(0);
  expect(found.deleted).toBeGreaterThan(0);
}, 600_000);
