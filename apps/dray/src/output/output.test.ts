import { type DomainEvent, encodeEvent } from "@drayage/domain";
import { digestOf, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { eventLine } from "./event-line.ts";
import { withBars } from "./progress.ts";
import { shortDigest } from "./short-digest.ts";
import { summary } from "./summary.ts";
import { age, table } from "./table.ts";

vi.mock("picocolors", async (original) => {
  const { default: colors } = await original<{ default: { createColors: (on: boolean) => object } }>();
  return { default: colors.createColors(false) };
});

const digest = digestOf(Buffer.from("x"));
const short = digest.slice(0, 19);
const repository = parseRepositoryName("team/web");
const tag = parseTag("1.0");
if (repository === undefined || tag === undefined) throw new Error("a test needs names");
const outcome = {
  target: "prod",
  repository,
  tag,
  source: { registry: "lab", repository, tag },
  route: "all",
  cause: 3,
  digest,
} as const;
const none = { copied: 0, mounted: 0, present: 0 };

const lineOf = (event: DomainEvent): string => {
  const { type, subject, data } = encodeEvent(event);
  return eventLine({ position: 7, recordedat: "2026-11-21T08:09:10.123Z", type, subject, data: { ...data } });
};

describe("an event as a line", () => {
  it.each<[string, DomainEvent]>([
    [
      `ReplicationSucceeded    prod/team/web:1.0  copied, ${short}, 2 blobs copied (1 kB), 3 present, 1 referrer, 40 ms`,
      {
        _tag: "ReplicationSucceeded",
        ...outcome,
        action: "copied",
        blobs: { copied: 2, mounted: 0, present: 3 },
        bytes: { copied: 1000, mounted: 0, present: 9 },
        referrers: 1,
        durationMs: 40,
      },
    ],
    [
      `ReplicationSucceeded    prod/team/web:1.0  deleted, ${short}`,
      {
        _tag: "ReplicationSucceeded",
        ...outcome,
        action: "deleted",
        blobs: none,
        bytes: none,
        referrers: 0,
        durationMs: 0,
      },
    ],
    [
      "ReplicationParked       prod/team/web:1.0  target: denied: no rights",
      {
        _tag: "ReplicationParked",
        ...outcome,
        error: {
          side: "target",
          operation: "PUT",
          reason: "denied",
          detail: "no rights",
          retryable: false,
          attempt: 1,
        },
      },
    ],
    [
      `ImagePushed             lab/team/web:1.0  ${short}`,
      { _tag: "ImagePushed", registry: "lab", repository, tag, digest },
    ],
    [`ImagePushed             lab/team/web@${short}`, { _tag: "ImagePushed", registry: "lab", repository, digest }],
    ["TagDeleted              lab/team/web:1.0", { _tag: "TagDeleted", registry: "lab", repository, tag }],
    [
      "ReconciliationCompleted reconciliations/5d5401c4  3 compared, 2 drift, incomplete",
      {
        _tag: "ReconciliationCompleted",
        reconciliation: "5d5401c4-9598-4646-aacb-1c64acb40121",
        scope: { kind: "full" },
        compared: 3,
        drift: { missing: 1, extra: 1 },
        completeness: "incomplete",
        problems: [],
        durationMs: 1,
      },
    ],
  ])("%s", (text, event) => {
    expect(lineOf(event)).toBe(`    7 08:09:10.123 ${text}`);
  });

  it("of a type that a newer version wrote is shown as it is", () => {
    const event = { position: 1234567, recordedat: "2026-11-21T08:09:10.123Z", data: {} };
    expect(eventLine({ ...event, type: "io.drayage.new.thing.v9", subject: "x" })).toBe(
      "1234567 08:09:10.123 io.drayage.new.thing.v9 x",
    );
  });
});

it("digests are short wherever they stand, and nothing else is", () => {
  expect(shortDigest(`a@${digest}, b`)).toBe(`a@${short}, b`);
  expect(shortDigest("sha256:abc team/web:1.0")).toBe("sha256:abc team/web:1.0");
});

it("a table has no frame and no blanks at line ends", () => {
  expect(
    table(
      ["A", "LONG"],
      [
        ["value", "x"],
        ["y", ""],
      ],
    ),
  ).toBe("A      LONG\nvalue  x\ny\n");
});

it.each([
  [0, "0s"],
  [59, "59s"],
  [60, "1m"],
  [7200, "2h"],
  [200_000, "2d"],
  [-5, "0s"],
])("an age of %i seconds is %s", (seconds, text) => {
  const now = new Date("2026-11-21T00:00:00Z");
  expect(age(new Date(now.getTime() - seconds * 1000), now)).toBe(text);
  expect(age(undefined, now)).toBe("-");
});

it("a reconciliation in one line", () => {
  expect(summary({ compared: 1, drift: {}, completeness: "complete", durationMs: 1200 })).toBe(
    "1 name compared in 1.2 s, in step",
  );
  expect(summary({ compared: 5, drift: { missing: 2, extra: 1 }, completeness: "incomplete", durationMs: 0 })).toBe(
    "5 names compared in 0.0 s, 2 missing, 1 extra, but not everything could be read",
  );
  expect(summary({ compared: 0, drift: {}, completeness: "incomplete", durationMs: 0 })).toBe(
    "0 names compared in 0.0 s, no difference found, but not everything could be read",
  );
});

describe("progress", () => {
  const MIB = 1024 * 1024;
  const calls: Array<string> = [];
  type Labels = { readonly name?: string; readonly size?: string; readonly rate?: string; readonly left?: string };
  const together: Array<string> = [];
  const bars = {
    create: (total: number, _start: number, labels: Labels) => {
      const isSum = labels.name?.startsWith("together") === true;
      if (!isSum) calls.push(`bar of ${total / MIB}`);
      return {
        update: (bytes: number, { size, rate, left }: Labels) =>
          void (isSum ? together.push(`${bytes / MIB} of ${size}, ${rate}, ${left}`) : calls.push(`at ${bytes / MIB}`)),
        setTotal: () => {},
      };
    },
    remove: () => calls.push("removed"),
    log: (text: string) => calls.push(text),
    update: () => calls.push("drawn"),
    stop: () => calls.push("stopped"),
  };
  const display = () => withBars(bars);
  beforeEach(() => {
    calls.splice(0);
    together.splice(0);
  });

  it("a blob that begins again goes back to nothing, in the same bar", () => {
    const { onProgress, stop } = display();
    onProgress({ _tag: "BlobStarted", digest, size: 8 * MIB });
    onProgress({ _tag: "BlobBytes", digest, bytes: 3 * MIB });
    onProgress({ _tag: "BlobBytes", digest, bytes: MIB });
    onProgress({ _tag: "BlobStarted", digest, size: 8 * MIB });
    onProgress({ _tag: "BlobBytes", digest, bytes: 2 * MIB });
    onProgress({ _tag: "BlobDone", digest, size: 8 * MIB, way: "copied" });
    stop();
    stop();
    expect(calls).toEqual(["bar of 8", "at 3", "at 4", "at 0", "at 2", "removed", "drawn", "stopped"]);
  });

  it("all blobs together have one, small ones too, with their rate and what is left", () => {
    let ms = 0;
    const { onProgress, stop } = withBars(bars, () => ms);
    const small = digestOf(Buffer.from("small"));
    onProgress({ _tag: "BlobStarted", digest: small, size: 0.5 * MIB });
    onProgress({ _tag: "BlobStarted", digest, size: 8 * MIB });
    ms += 1000;
    onProgress({ _tag: "BlobBytes", digest, bytes: 2 * MIB });
    onProgress({ _tag: "BlobDone", digest: small, size: 0.5 * MIB, way: "mounted" });
    stop();
    expect(together).toEqual(["0 of 8.91 MB, -, -", "2 of 8.91 MB, 2.1 MB/s, 4s", "2.5 of 8.91 MB, 2.1 MB/s, 3s"]);
  });

  it("small blobs have no bar", () => {
    const { onProgress, stop } = display();
    onProgress({ _tag: "BlobStarted", digest, size: 1000 });
    onProgress({ _tag: "BlobBytes", digest, bytes: 1000 });
    onProgress({ _tag: "BlobDone", digest, size: 1000, way: "copied" });
    stop();
    expect(calls).toEqual([]);
  });
});
