import type { Route } from "@drayage/domain";
import * as Effect from "effect/Effect";
import * as FastCheck from "fast-check";
import { expect } from "vitest";
import type { Booked } from "./names.ts";
import {
  booked,
  compareAll,
  digest,
  MIRROR,
  put,
  route,
  test,
  to,
  type World,
  world,
} from "./reconciler.test-support.ts";

/** What one name is: at the source, at the target, and whose. */
interface Cell {
  readonly there: string | undefined;
  readonly here: string | undefined;
  readonly owned: ReadonlyArray<string>;
  readonly pending: boolean;
}
interface Case {
  readonly cells: ReadonlyArray<Cell>;
  readonly deletes: Route["deletes"];
  readonly existing: Route["existing"];
  readonly overwrite: Route["overwrite"];
}
const seed = FastCheck.constantFrom("a", "b", "c");
const cell = FastCheck.record({
  there: FastCheck.option(seed, { nil: undefined }),
  here: FastCheck.option(seed, { nil: undefined }),
  owned: FastCheck.uniqueArray(seed, { maxLength: 2 }),
  pending: FastCheck.boolean(),
});
const cases: FastCheck.Arbitrary<Case> = FastCheck.record({
  cells: FastCheck.array(cell, { maxLength: 12 }),
  deletes: FastCheck.constantFrom<Route["deletes"]>({ mode: "ignore" }, MIRROR),
  existing: FastCheck.constantFrom<Route["existing"]>("adopt-equal", "overwrite", "report"),
  overwrite: FastCheck.constantFrom<Route["overwrite"]>("always", "never"),
});

/** What is said of a cell, by the words of DESIGN.md section 1 and nothing of ours. */
const wanted = ({ there, here, owned, pending }: Cell, rules: Case): string | undefined => {
  if (pending || there === here) return undefined;
  if (here === undefined) return "missing";
  const ours = owned.includes(here);
  if (there === undefined) return ours && rules.deletes.mode === "mirror" ? "extra" : undefined;
  const may = ours ? rules.overwrite === "always" : rules.existing === "overwrite";
  return may ? "different" : "conflict";
};

/** Two repositories, so that lists are of several; a run of its own name for each case, so that one world serves all. */
const fill = ({ source, east }: World, run: number, { cells }: Case): ReadonlyArray<Booked> =>
  cells.map(({ there, here, owned, pending }, n) => {
    const name = `run${run}/app${n % 2}:v${n}`;
    if (there !== undefined) put(source, name, there);
    if (here !== undefined) put(east, `copy/${name}`, here);
    return booked("east", `copy/${name}`, { owned: owned.map(digest), pending });
  });

test("drift is exactly what differs", function* () {
  const lab = yield* world;
  let run = 0;
  const holds = async (one: Case): Promise<void> => {
    run += 1;
    const books = fill(lab, run, one);
    const { cells: _, ...rules } = one;
    const select = { repositories: [`run${run}/*`], tags: { _tag: "Globs", globs: ["*"] } } as const;
    const routes = [route({ ...rules, select, to: [to("east")] })];
    const { found, report } = await Effect.runPromise(compareAll(lab, routes, books));
    const expected = one.cells.flatMap((each, n) => {
      const kind = wanted(each, one);
      return kind === undefined ? [] : [`east/copy/run${run}/app${n % 2}:v${n} ${kind}`];
    });
    expect(found).toEqual(expected.sort());
    expect(report.completeness).toBe("complete");
  };
  yield* Effect.promise(() => FastCheck.assert(FastCheck.asyncProperty(cases, holds), { numRuns: 60 }));
});
