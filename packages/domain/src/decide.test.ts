import type { Digest } from "@drayage/oci-core/model";
import { describe, expect, it } from "vitest";
import { type Decision, decide, decideDeletion, type Policy, type Seen } from "./decide.ts";
import type { Ancestor, Depth } from "./delivery.ts";
import { digest, repo, source, tagged } from "./samples.test-support.ts";

const A = digest("a");
const B = digest("b");
const C = digest("c");
const mirror = { mode: "mirror", confirmAfter: 60_000, protect: ["v*"] } as const;
const defaults: Policy = { overwrite: "always", existing: "adopt-equal", deletes: { mode: "ignore" } };

interface Row {
  readonly given: Partial<Policy> & {
    readonly tag?: string;
    readonly sourceTag?: string;
    readonly depth?: Depth;
    readonly owned?: ReadonlyArray<Digest>;
    readonly lineage?: ReadonlyArray<Ancestor>;
  };
  readonly source: Seen;
  readonly target: Seen;
  readonly expected: Partial<Decision>;
}
/** What the source holds it has from `name`, as far as these digests go. */
const had = (name: string, ...owned: ReadonlyArray<Digest>): Ancestor => ({ source: source(name), owned });

const rows: Readonly<Record<string, Row>> = {
  // The source has it.
  "the target has nothing": {
    given: {},
    source: A,
    target: "absent",
    expected: { _tag: "Copy", digest: A, why: "missing" },
  },
  "somebody deleted ours at the target": {
    given: { owned: [A] },
    source: A,
    target: "absent",
    expected: { _tag: "Copy", digest: A, why: "missing" },
  },
  "equal and ours": { given: { owned: [A] }, source: A, target: A, expected: { _tag: "Unchanged", digest: A } },
  "equal and ours, but overwriting is forbidden: nothing is overwritten": {
    given: { owned: [A], overwrite: "never" },
    source: A,
    target: A,
    expected: { _tag: "Unchanged" },
  },
  "equal, ours, referrers asked for": {
    given: { owned: [A], depth: "referrers" },
    source: A,
    target: A,
    expected: { _tag: "Copy", why: "deeper" },
  },
  "equal, ours, blobs and children asked for": {
    given: { owned: [A], depth: "deep" },
    source: A,
    target: A,
    expected: { _tag: "Copy", why: "heal" },
  },
  "equal, not ours, adopt-equal": { given: {}, source: A, target: A, expected: { _tag: "Adopt", digest: A } },
  "equal, not ours, overwrite": { given: { existing: "overwrite" }, source: A, target: A, expected: { _tag: "Adopt" } },
  "equal, not ours, report": {
    given: { existing: "report" },
    source: A,
    target: A,
    expected: { _tag: "Skip", reason: "reported" },
  },
  "equal, not ours, report, deep: still not touched": {
    given: { existing: "report", depth: "deep" },
    source: A,
    target: A,
    expected: { _tag: "Skip", reason: "reported" },
  },
  "equal, not ours, deep": { given: { depth: "deep" }, source: A, target: A, expected: { _tag: "Copy", why: "heal" } },
  "equal, we own another digest under the name: adopted": {
    given: { owned: [B] },
    source: A,
    target: A,
    expected: { _tag: "Adopt" },
  },
  "the tag moved": {
    given: { owned: [B] },
    source: A,
    target: B,
    expected: { _tag: "Copy", digest: A, why: "changed" },
  },
  "the tag moved, and the target holds what we were about to put when we stopped": {
    given: { owned: [B, C] },
    source: A,
    target: C,
    expected: { _tag: "Copy", why: "changed" },
  },
  "the tag moved, overwrite never": {
    given: { owned: [B], overwrite: "never" },
    source: A,
    target: B,
    expected: { _tag: "Conflict", why: "overwrite-refused" },
  },
  "the tag moved, overwrite allowed by glob": {
    given: { owned: [B], overwrite: { allow: ["latest"] }, tag: "latest" },
    source: A,
    target: B,
    expected: { _tag: "Copy", why: "changed" },
  },
  "the tag moved, overwrite allowed for others": {
    given: { owned: [B], overwrite: { allow: ["latest"] }, tag: "1.0" },
    source: A,
    target: B,
    expected: { _tag: "Conflict", why: "overwrite-refused" },
  },
  "a stranger's other digest, adopt-equal": {
    given: {},
    source: A,
    target: B,
    expected: { _tag: "Conflict", why: "changed-by-others" },
  },
  "somebody replaced ours, adopt-equal": {
    given: { owned: [C] },
    source: A,
    target: B,
    expected: { _tag: "Conflict", why: "changed-by-others" },
  },
  "a stranger's other digest, overwrite": {
    given: { existing: "overwrite" },
    source: A,
    target: B,
    expected: { _tag: "Copy", why: "changed" },
  },
  "a stranger's other digest, report": {
    given: { existing: "report" },
    source: A,
    target: B,
    expected: { _tag: "Skip", reason: "reported" },
  },
  // The source has it no more.
  "neither side has it": { given: {}, source: "absent", target: "absent", expected: { _tag: "Gone" } },
  "neither side has it, it was ours": {
    given: { owned: [A], deletes: mirror },
    source: "absent",
    target: "absent",
    expected: { _tag: "Gone" },
  },
  "deletes are ignored": {
    given: { owned: [A] },
    source: "absent",
    target: A,
    expected: { _tag: "Skip", reason: "deletes-ignored" },
  },
  "mirror, not ours": {
    given: { deletes: mirror },
    source: "absent",
    target: A,
    expected: { _tag: "Skip", reason: "not-owned" },
  },
  "mirror, somebody replaced ours": {
    given: { deletes: mirror, owned: [A] },
    source: "absent",
    target: B,
    expected: { _tag: "Skip", reason: "not-owned" },
  },
  "mirror, protected": {
    given: { deletes: mirror, owned: [A], tag: "v1" },
    source: "absent",
    target: A,
    expected: { _tag: "Skip", reason: "protected" },
  },
  "mirror, protected by its name at the source": {
    given: { deletes: mirror, owned: [A], tag: "x-v1", sourceTag: "v1" },
    source: "absent",
    target: A,
    expected: { _tag: "Skip", reason: "protected" },
  },
  "mirror, ours": {
    given: { deletes: mirror, owned: [A] },
    source: "absent",
    target: A,
    expected: { _tag: "ProveAbsence", digest: A },
  },
  // The source has it from here.
  "it was deleted here, and the source only has what we brought there": {
    given: { lineage: [had("prod/app:1", A)] },
    source: A,
    target: "absent",
    expected: { _tag: "Skip", reason: "echo" },
  },
  "the same round a ring of three": {
    given: { lineage: [had("other/app:1", A), had("prod/app:1", B, A)] },
    source: A,
    target: "absent",
    expected: { _tag: "Skip", reason: "echo" },
  },
  "it moved here, and the source still has what we brought there": {
    given: { lineage: [had("prod/app:1", A)], owned: [A, B], existing: "overwrite" },
    source: A,
    target: B,
    expected: { _tag: "Skip", reason: "echo" },
  },
  "the source has from here what is here": {
    given: { lineage: [had("prod/app:1", A)] },
    source: A,
    target: A,
    expected: { _tag: "Adopt" },
  },
  "somebody pushed another one at the source": {
    given: { lineage: [had("prod/app:1", A)], owned: [A] },
    source: B,
    target: A,
    expected: { _tag: "Copy", digest: B, why: "changed" },
  },
  "somebody pushed another one in the middle of the ring": {
    given: { lineage: [had("other/app:1", B), had("prod/app:1", A)], owned: [A] },
    source: B,
    target: A,
    expected: { _tag: "Copy", digest: B },
  },
  "the source has it from elsewhere, or from another tag of ours": {
    given: { lineage: [had("prod/app:2", A), had("elsewhere/app:1", A)] },
    source: A,
    target: "absent",
    expected: { _tag: "Copy", why: "missing" },
  },
  "mirror with nothing protected, ours": {
    given: { deletes: { ...mirror, protect: [] }, owned: [A], tag: "v1" },
    source: "absent",
    target: A,
    expected: { _tag: "ProveAbsence" },
  },
};

describe("decide: given what both sides hold", () => {
  it.each(Object.entries(rows))("%s", (_name, { given, source: at, target, expected }) => {
    const { tag = "1", sourceTag = tag, depth = "tag", owned = [], lineage: _, ...policy } = given;
    const place = { target: "prod", repository: repo("app"), tag: tagged(tag) };
    const item = { ...place, source: source(`lab/app:${sourceTag}`), depth, owned, lineage: given.lineage };
    expect(decide({ item, policy: { ...defaults, ...policy }, source: at, target })).toMatchObject(expected);
  });
});

describe("decideDeletion: given a proof of absence", () => {
  const now = new Date("2026-01-01T12:00:00Z");
  const after = (ms: number) => new Date(now.getTime() + ms);
  const ask = (absentSince: Date | undefined, confirmAfter = 60_000, proof: "proven" | "repository-empty" = "proven") =>
    decideDeletion({ item: { absentSince }, digest: A, confirmAfter, proof, now });

  it("the first proof only starts the time", () => {
    expect(ask(undefined)).toEqual({ _tag: "Confirm", absentSince: now, at: after(60_000) });
  });
  it("it has to hold twice even without a time to wait", () => {
    expect(ask(undefined, 0)).toEqual({ _tag: "Confirm", absentSince: now, at: now });
    expect(ask(now, 0)).toEqual({ _tag: "Delete", digest: A });
  });
  it("too early: wait for the rest, the time does not start again", () => {
    expect(ask(after(-59_999))).toEqual({ _tag: "Confirm", absentSince: after(-59_999), at: after(1) });
  });
  it("after confirmAfter: delete", () => {
    expect(ask(after(-60_000))).toEqual({ _tag: "Delete", digest: A });
  });
  it("an empty repository waits for a person, however long it is empty", () => {
    expect(ask(after(-9e9), 0, "repository-empty")).toMatchObject({ _tag: "Propose" });
  });
});
