import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushMany } from "./harness/images.ts";
import { type Lab, openLab } from "./harness/lab.ts";
import { arrival, level } from "./harness/level.ts";
import { report } from "./harness/report.ts";

const TAGS = 50;
const REPOSITORY = "team/many";
const WITHIN_MS = 60_000;

describe("one target down for a whole push", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab({ targets: ["near", "far"] });
    await lab.dray.up();
    await level(lab.dray, WITHIN_MS);
  });
  afterAll(async () => lab?.dispose());

  it("delays no other target, and is complete by itself soon after it is back", async () => {
    const { dray, source, targets } = lab;
    const [near, far] = targets;
    if (near === undefined || far === undefined) throw new Error("the lab has two targets");
    await far.stop("SIGKILL");
    const pushed = await pushMany(source.url, { repository: REPOSITORY, count: TAGS, seed: "down" });
    const atNear = await arrival(near, REPOSITORY, pushed, { dray, withinMs: WITHIN_MS });
    report(`${TAGS} tags pushed while far is down, from the last push until at near`, `${atNear} ms`);
    expect(far.running()).toBe(false);

    await far.restart();
    const atFar = await arrival(far, REPOSITORY, pushed, { dray, withinMs: WITHIN_MS });
    report(`${TAGS} tags, from the return of far until there`, `${atFar} ms`);
    await level(dray, WITHIN_MS);
  });
});
