import * as Effect from "effect/Effect";
import colors from "picocolors";
import { configuration } from "../compose/load.ts";
import { look, looks } from "../compose/reads.ts";
import { ExitCode } from "../exit-code.ts";
import { age, json, table } from "../output/table.ts";
import type { Globals } from "../program.ts";

const COLOUR = { level: colors.green, behind: colors.yellow, unknown: colors.dim } as const;
/** Parked deliveries shown for people, and given to machines: one page of the API. */
const PARKED_SHOWN = 20;
const PARKED_GIVEN = 1000;

/** `dray status`: every target on a line, then what is parked and why. Exit 0 whatever the state: it is a report. */
export const status = Effect.fnUntraced(function* (globals: Globals) {
  const config = yield* configuration(globals);
  const reads = yield* looks(config);
  const targets = yield* look(reads.targets);
  const parked = yield* look(() =>
    reads.deliveries({ state: "parked", limit: globals.json === true ? PARKED_GIVEN : PARKED_SHOWN }),
  );
  const unsigned = yield* look(() =>
    reads.deliveries({ waitsFor: "signature", limit: globals.json === true ? PARKED_GIVEN : PARKED_SHOWN }),
  );
  if (globals.json === true) {
    process.stdout.write(json({ targets, parked, unsigned }));
    return ExitCode.ok;
  }
  const now = new Date();
  process.stdout.write(
    table(
      ["TARGET", "STATE", "LAG", "BACKLOG", "PARKED", "TAGS", "LAST SUCCESS", "RECONCILED", "WHY"],
      targets.map((target) => [
        target.name,
        `${COLOUR[target.state](target.state)}${target.pausedAt === undefined ? "" : " (paused)"}`,
        target.lagSeconds === 0 ? "-" : age(new Date(now.getTime() - target.lagSeconds * 1000), now),
        String(target.backlog),
        target.parked === 0 ? "0" : colors.red(String(target.parked)),
        String(target.owned),
        age(target.lastSuccessAt, now),
        age(target.reconciledAt, now),
        target.reasons.join("; "),
      ]),
    ),
  );
  if (unsigned.length > 0) {
    process.stdout.write(
      `\n${table(
        ["WAITING: SIGNATURE", "IMAGE", "SINCE", "WHY"],
        unsigned.map(({ delivery, target, repository, tag, waitsFor }) => [
          delivery,
          `${target}/${repository}:${tag}`,
          age(waitsFor?.since, now),
          waitsFor?.detail ?? "",
        ]),
      )}`,
    );
  }
  if (parked.length > 0) {
    process.stdout.write(
      `\n${table(
        ["PARKED", "IMAGE", "SINCE", "WHY"],
        parked.map((one) => [
          one.delivery,
          `${one.target}/${one.repository}:${one.tag}`,
          age(one.parkedAt, now),
          why(one.lastError),
        ]),
      )}`,
    );
    const all = targets.reduce((sum, target) => sum + target.parked, 0);
    if (all > parked.length) process.stdout.write(`... and ${all - parked.length} more (--json shows them)\n`);
    process.stdout.write(
      "\nMend the cause, then: dray retry [DELIVERY...]; or give them up: dray discard DELIVERY...\n",
    );
  }
  return ExitCode.ok;
});

/** The stored `Failure`, which is ours; a row of an older version may lack it. */
const why = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return "-";
  const { side, reason, detail } = error as {
    readonly side?: string;
    readonly reason?: string;
    readonly detail?: string;
  };
  return `${side ?? "?"}: ${reason ?? "?"}: ${detail ?? ""}`;
};
