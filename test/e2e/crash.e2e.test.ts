import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventRow, events } from "./harness/admin.ts";
import { pushMany } from "./harness/images.ts";
import { copyOf, type Lab, openLab } from "./harness/lab.ts";
import { arrival, level, unfinished } from "./harness/level.ts";
import { report } from "./harness/report.ts";
import { waitFor } from "./harness/wait.ts";

const TAGS = 50;
const REPOSITORY = "team/many";
/** In the middle: some are at the targets, most are not. */
const ARRIVED_BEFORE_THE_KILL = 5;
const WITHIN_MS = 120_000;

describe("kill -9 of dray up in the middle of fifty copies", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
    await lab.dray.up();
    await level(lab.dray, WITHIN_MS);
  });
  afterAll(async () => lab?.dispose());

  it("loses nothing, writes nothing twice and leaves no delivery stuck", async () => {
    const { dray, source, targets } = lab;
    const pushing = pushMany(source.url, { repository: REPOSITORY, count: TAGS, seed: "crash" });
    await waitFor(
      async () => {
        const counts = await Promise.all(targets.map(async (target) => (await target.tags(copyOf(REPOSITORY))).length));
        return counts.every((count) => count >= ARRIVED_BEFORE_THE_KILL);
      },
      { what: `${ARRIVED_BEFORE_THE_KILL} tags at each target`, withinMs: WITHIN_MS, everyMs: 5 },
    );
    await dray.kill();
    const atTheKill = await Promise.all(targets.map((target) => target.tags(copyOf(REPOSITORY))));
    report("tags at each target when dray up was killed", atTheKill.map((tags) => tags.length).join(" and "));
    expect(atTheKill.some((tags) => tags.length < TAGS)).toBe(true);
    const wanted = await pushing;

    await dray.up();
    for (const target of targets) {
      const ms = await arrival(target, REPOSITORY, wanted, { dray, withinMs: WITHIN_MS });
      report(`after the restart, all ${TAGS} tags at ${target.name}`, `${ms} ms`);
    }
    await level(dray, WITHIN_MS);
    expect(await unfinished(dray)).toEqual([]);

    const log = await events(dray);
    const pushes = log.filter(
      ({ type, subject }) => type.includes(".image.pushed.") && subject?.includes(REPOSITORY) === true,
    );
    expect(repeated(pushes.map(({ subject = "" }) => subject))).toEqual([]);
    expect(pushes).toHaveLength(TAGS);
    // A copy that was cut off is done again, but no cause is answered twice for one name.
    const outcomes = log.filter(({ type }) => type.includes(".replication.succeeded."));
    expect(repeated(outcomes.map(outcomeKey))).toEqual([]);
    expect(log.map(({ position }) => position)).toEqual([...log.map(({ position }) => position)].sort((a, b) => a - b));
  });
});

const outcomeKey = ({ data }: EventRow): string =>
  ["target", "repository", "tag", "cause"].map((key) => String(data[key])).join(" ");

const repeated = (values: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(values.filter((value, n) => values.indexOf(value) !== n)),
];
