import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide, type Policy } from "./decide.ts";
import { adoptable, compare, compareNames, type ListedName, mergeJoin } from "./drift.ts";
import { digest, repo, source, tagged } from "./samples.test-support.ts";

const A = digest("a");
const B = digest("b");
const defaults: Policy = { overwrite: "always", existing: "adopt-equal", deletes: { mode: "ignore" } };
const mirror = { mode: "mirror", confirmAfter: 0, protect: ["v*"] } as const;

describe("compare", () => {
  it.each([
    ["equal", A, A, [A], {}, undefined],
    ["equal, not ours", A, A, [], {}, undefined],
    ["absent on both sides", "absent", "absent", [A], {}, undefined],
    ["absent at the target", A, "absent", [], {}, "missing"],
    ["moved", A, B, [B], {}, "different"],
    ["moved, may not be overwritten", A, B, [B], { overwrite: "never" }, "conflict"],
    ["changed by somebody else", A, B, [], {}, "conflict"],
    ["a stranger that may be overwritten", A, B, [], { existing: "overwrite" }, "different"],
    ["a stranger to be reported", A, B, [], { existing: "report" }, "conflict"],
    ["ours without a source", "absent", A, [A], { deletes: mirror }, "extra"],
    ["ours without a source, deletes ignored: wanted as it is", "absent", A, [A], {}, undefined],
    ["a stranger without a source", "absent", A, [], { deletes: mirror }, undefined],
  ] as const)("%s", (_name, at, target, owned, policy, expected) => {
    const given = { tag: "1", source: { tag: "1", digest: at }, target, owned, policy: { ...defaults, ...policy } };
    expect(compare(given)).toBe(expected);
  });
  it("what is protected is no drift", () => {
    const policy = { ...defaults, deletes: mirror };
    expect(
      compare({ tag: "v1", source: { tag: "v1", digest: "absent" }, target: A, owned: [A], policy }),
    ).toBeUndefined();
  });
  it("an equal tag that is not in the books can be adopted", () => {
    const equal = { source: { tag: "1", digest: A }, target: A, owned: [], policy: defaults };
    expect(adoptable(equal)).toBe(true);
    expect(adoptable({ ...equal, owned: [A] })).toBe(false);
    expect(adoptable({ ...equal, policy: { ...defaults, existing: "report" } })).toBe(false);
    expect(adoptable({ ...equal, source: { tag: "1", digest: "absent" }, target: "absent" })).toBe(false);
  });

  it("agrees with decide: no drift means that a delivery would change nothing, drift that there is something to do or to park", () => {
    const seen = fc.constantFrom(A, B, "absent" as const);
    const policy: fc.Arbitrary<Policy> = fc.record({
      overwrite: fc.constantFrom<Policy["overwrite"]>("always", "never", { allow: ["1"] }),
      existing: fc.constantFrom("adopt-equal", "overwrite", "report"),
      deletes: fc.constantFrom({ mode: "ignore" } as const, mirror),
    });
    void fc.assert(
      fc.property(
        seen,
        seen,
        fc.subarray([A, B]),
        policy,
        fc.constantFrom("1", "v1"),
        (at, target, owned, rules, tag) => {
          const place = { target: "prod", repository: repo("app"), tag: tagged(tag) };
          const item = { ...place, source: source(`lab/app:${tag}`), depth: "tag", owned } as const;
          const decision = decide({ item, policy: rules, source: at, target })._tag;
          const drift = compare({ tag, source: { tag, digest: at }, target, owned, policy: rules });
          const quiet = ["Unchanged", "Gone", "Skip", "Adopt"].includes(decision);
          // `report` skips what is a conflict: nothing to do, and still to be seen.
          if (drift === undefined || (rules.existing === "report" && drift === "conflict" && decision === "Skip")) {
            expect(quiet).toBe(true);
          } else expect(quiet).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("mergeJoin", () => {
  const parse = (text: string): ListedName => {
    const [repository = "", tag = ""] = text.split(":");
    return { repository, tag };
  };
  const show = (entry: ListedName | undefined) => (entry === undefined ? "-" : `${entry.repository}:${entry.tag}`);
  const join = async (left: ReadonlyArray<string>, right: ReadonlyArray<string>) => {
    const rows: Array<string> = [];
    for await (const row of mergeJoin(left.map(parse), right.map(parse)))
      rows.push(`${show(row.left)} ${show(row.right)}`);
    return rows;
  };

  it("pairs names and shows what only one side has", async () => {
    expect(await join(["a:1", "a:3", "b:1"], ["a:1", "a:2", "c:1"])).toEqual([
      "a:1 a:1",
      "- a:2",
      "a:3 -",
      "b:1 -",
      "- c:1",
    ]);
  });
  it("orders by bytes, repository first", async () => {
    expect(await join(["a:1", "a-b:1", "a/b:1"], ["a-b:1"])).toContain("a-b:1 a-b:1");
    expect(compareNames(parse("a:Z"), parse("a:a"))).toBe(-1);
    expect(compareNames(parse("a:z"), parse("b:a"))).toBe(-1);
    expect(compareNames(parse("a-b:1"), parse("a/b:1"))).toBe(-1);
  });
  it("stops at a listing that is not sorted or repeats a name", async () => {
    await expect(join(["b:1", "a:1"], [])).rejects.toThrow("the left listing is not sorted: a:1 after b:1");
    await expect(join([], ["a:1", "a:1"])).rejects.toThrow("the right listing is not sorted: a:1 after a:1");
  });
  it("closes both listings when the reader stops early", async () => {
    const closed: Array<string> = [];
    async function* listing(side: string) {
      try {
        for (let n = 1; n < 9; n++) yield { repository: "a", tag: `${n}` };
      } finally {
        closed.push(side);
      }
    }
    for await (const _row of mergeJoin(listing("left"), listing("right"))) break;
    expect(closed.sort()).toEqual(["left", "right"]);
  });
  it("finds what two sets find", async () => {
    const name = fc
      .tuple(fc.constantFrom("a", "b", "b/c"), fc.constantFrom("1", "2", "x"))
      .map((pair) => pair.join(":"));
    const sorted = (names: ReadonlyArray<string>) => [...new Set(names)].map(parse).sort(compareNames).map(show);
    await fc.assert(
      fc.asyncProperty(fc.array(name), fc.array(name), async (left, right) => {
        const rows = await join(sorted(left), sorted(right));
        const expected = sorted([...left, ...right]).map(
          (key) => `${left.includes(key) ? key : "-"} ${right.includes(key) ? key : "-"}`,
        );
        expect(rows).toEqual(expected);
      }),
    );
  });
});
