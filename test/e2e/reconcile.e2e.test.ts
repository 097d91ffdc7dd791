import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushMany } from "./harness/images.ts";
import { copyOf, type Lab, openLab } from "./harness/lab.ts";
import { arrival, level, type Tags } from "./harness/level.ts";
import { report } from "./harness/report.ts";

const TAGS = 50;
const WITHIN_MS = 60_000;

describe("fifty tags that nobody told us of", () => {
  let lab: Lab;
  let pushed: Tags;
  beforeAll(async () => {
    lab = await openLab({ targets: ["near"] });
    await lab.dray.up();
    // The first reconciliation of a new target has to be over, or it would find what is pushed now.
    await level(lab.dray, WITHIN_MS);
    await lab.source.restart({ notifications: undefined });
    pushed = await pushMany(lab.source.url, { repository: "team/quiet", count: TAGS, seed: "quiet" });
  });
  afterAll(async () => lab?.dispose());

  it("dray diff lists exactly what is missing, changes nothing and ends with 1", async () => {
    const diff = await lab.dray.command("diff", "--json");
    expect(diff.code, diff.stderr).toBe(1);
    const missing = documents(diff.stdout)
      .flatMap(findings)
      .filter(({ kind }) => kind === "missing")
      .map(({ tag }) => tag);
    expect([...missing].sort()).toEqual([...pushed.keys()].sort());
    expect(await lab.targets[0]?.tags(copyOf("team/quiet"))).toEqual([]);
  });

  it("one reconciliation later the target has them, and dray diff ends with 0", async () => {
    const [near] = lab.targets;
    if (near === undefined) throw new Error("the lab has no target");
    const reconciled = await lab.dray.command("reconciler", "--once");
    expect(reconciled.code, reconciled.stderr).toBe(0);
    const ms = await arrival(near, "team/quiet", pushed, { dray: lab.dray, withinMs: WITHIN_MS });
    report(`${TAGS} missing tags, from the end of the reconciliation until at near`, `${ms} ms`);
    await level(lab.dray, WITHIN_MS);
    const diff = await lab.dray.command("diff");
    expect(diff.code, `${diff.stdout}\n${diff.stderr}`).toBe(0);
  });
});

interface Finding {
  readonly kind: string;
  readonly tag: string;
}

/** One JSON document, or one on each line. */
const documents = (text: string): ReadonlyArray<unknown> => {
  try {
    return [JSON.parse(text) as unknown];
  } catch {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return lines.map((line) => JSON.parse(line) as unknown);
  }
};

/** Every object with a kind of drift and a tag, wherever the document holds them. */
const findings = (value: unknown): ReadonlyArray<Finding> => {
  if (Array.isArray(value)) return value.flatMap(findings);
  if (typeof value !== "object" || value === null) return [];
  if ("kind" in value && "tag" in value) return [{ kind: String(value.kind), tag: String(value.tag) }];
  return Object.values(value).flatMap(findings);
};
