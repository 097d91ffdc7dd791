import { parseDigest } from "@drayage/oci-core/model";
import { describe, expect, it } from "vitest";
import type { DomainEvent, DriftFound } from "./event.ts";
import { fanOut } from "./fan-out.ts";
import { eventOf } from "./notification.ts";
import { digest, lookup, repo, route, source, tagged, to } from "./samples.test-support.ts";
import { compileRoutes, onlyTarget } from "./select.ts";

const at = new Date("2026-01-01T00:00:00Z");
const compiled = compileRoutes(
  [
    route({ name: "a", to: [to("eu", "{repository}"), to("us", "mirror/{repository}")] }),
    route({ name: "b", from: "jfrog", priority: "high", to: [to("eu", "x/{image}")] }),
  ],
  lookup,
);
const out = (event: DomainEvent) => fanOut(event, 7, at, compiled);
const names = (event: DomainEvent) => out(event).deliveries.map((d) => `${d.target}/${d.repository}:${d.tag}`);
const rescans = (event: DomainEvent) => out(event).rescans.map((r) => `${r.registry}/${r.repository}`);
const nothing = { deliveries: [], rescans: [], referrers: [], replays: [], unmappable: [] };
const app = repo("team/app");

describe("fan-out", () => {
  it("a push by tag asks every target of its routes", () => {
    expect(out({ _tag: "ImagePushed", registry: "lab", repository: app, tag: tagged("1") }).deliveries).toEqual([
      {
        target: "eu",
        repository: "team/app",
        tag: "1",
        source: source("lab/team/app:1"),
        route: "a",
        position: 7,
        depth: "tag",
        priority: 20,
        requestedAt: at,
        wakesParked: true,
      },
      expect.objectContaining({ target: "us", repository: "mirror/team/app" }),
    ]);
  });
  it("only the targets that were compiled", () => {
    const event = { _tag: "ImagePushed", registry: "lab", repository: app, tag: tagged("1") } as const;
    expect(fanOut(event, 7, at, onlyTarget(compiled, "us")).deliveries.map((d) => d.target)).toEqual(["us"]);
  });
  it("a push without a tag is a child: nothing", () => {
    expect(out({ _tag: "ImagePushed", registry: "lab", repository: app, digest: digest("x") })).toEqual(nothing);
  });
  it("a push to a registry that no route reads: nothing", () => {
    expect(out({ _tag: "ImagePushed", registry: "eu", repository: app, tag: tagged("1") })).toEqual(nothing);
  });
  it("a deleted tag asks for the same names as a push", () => {
    expect(names({ _tag: "TagDeleted", registry: "lab", repository: app, tag: tagged("1") })).toEqual([
      "eu/team/app:1",
      "us/mirror/team/app:1",
    ]);
    expect(out({ _tag: "TagDeleted", registry: "lab", repository: app, digest: digest("x") })).toEqual(nothing);
  });
  it("what cannot be named at the target is told", () => {
    const event = { _tag: "ImagePushed", registry: "jfrog", repository: repo("key"), tag: tagged("1") } as const;
    expect(out(event).deliveries).toEqual([]);
    expect(out(event).unmappable).toMatchObject([{ route: "b", target: "eu", why: "key has no {image}" }]);
  });
  it("a promotion asks for both its ends", () => {
    const event: DomainEvent = {
      _tag: "ImagePromoted",
      registry: "jfrog",
      from: { repository: repo("dev/app"), tag: tagged("1") },
      to: { repository: repo("prod/app2"), tag: tagged("2") },
      move: true,
    };
    expect(names(event)).toEqual(["eu/x/app:1", "eu/x/app2:2"]);
    expect(rescans(event)).toEqual([]);
    expect(out(event).deliveries[0]?.priority).toBe(30);
  });
  it("a promotion without tags, or without a destination, asks for rescans", () => {
    const from = { repository: repo("dev/app") };
    const dest = { repository: repo("prod/app") };
    expect(rescans({ _tag: "ImagePromoted", registry: "jfrog", from, to: dest })).toEqual([
      "jfrog/dev/app",
      "jfrog/prod/app",
    ]);
    const half: DomainEvent = { _tag: "ImagePromoted", registry: "jfrog", from: { ...from, tag: tagged("1") } };
    expect(rescans(half)).toEqual(["jfrog/dev/app"]);
    expect(names(half)).toEqual(["eu/x/app:1"]);
  });
  it("a rescan counts only where a route reads the repository", () => {
    expect(out({ _tag: "RescanRequested", registry: "lab", repository: app, reason: "why" }).rescans).toEqual([
      { registry: "lab", repository: app, position: 7, reason: "why" },
    ]);
    expect(out({ _tag: "RescanRequested", registry: "eu", repository: app, reason: "why" })).toEqual(nothing);
  });
  it("a referrer asks for the deliveries that hold its subject", () => {
    const subject = digest("x");
    expect(out({ _tag: "ReferrerPushed", registry: "lab", repository: app, subject }).referrers).toEqual([
      { registry: "lab", repository: app, subject, position: 7, requestedAt: at },
    ]);
    expect(out({ _tag: "ReferrerPushed", registry: "eu", repository: app, subject })).toEqual(nothing);
  });

  it("a push without a tag may be a signature, which matters where a route waits for one", () => {
    const push = { _tag: "ImagePushed", registry: "lab", repository: app, digest: digest("x") } as const;
    expect(out(push)).toEqual(nothing);
    const signature = { _tag: "PublicKey", files: ["/cosign.pub"] } as const;
    const gated = compileRoutes([route({ name: "a", require: { signature } })], lookup);
    expect(fanOut(push, 7, at, gated)).toEqual({
      ...nothing,
      referrers: [{ registry: "lab", repository: app, subject: undefined, position: 7, requestedAt: at }],
    });
    expect(fanOut({ ...push, registry: "eu" }, 7, at, gated)).toEqual(nothing);
    expect(fanOut({ ...push, _tag: "TagDeleted" }, 7, at, gated)).toEqual(nothing);
  });

  const drift = (fields: Partial<DriftFound>): DriftFound => ({
    _tag: "DriftFound",
    target: "us",
    repository: repo("mirror/team/app"),
    tag: tagged("1"),
    kind: "missing",
    source: source("lab/team/app:1"),
    route: "a",
    reconciliation: "rec",
    ...fields,
  });
  it.each([
    ["missing", "tag"],
    ["different", "tag"],
    ["extra", "tag"],
    ["conflict", "tag"],
    ["incomplete", "deep"],
  ] as const)("drift %s asks for exactly that name at depth %s, and wakes nothing parked", (kind, depth) => {
    const { deliveries } = out(drift({ kind }));
    expect(deliveries).toMatchObject([{ target: "us", repository: "mirror/team/app", depth, wakesParked: false }]);
    expect(deliveries[0]?.priority).toBe(15);
  });
  it("drift that is unrouted, of a route that is gone, or of a target that the route has lost: nothing", () => {
    expect(out(drift({ kind: "unrouted" }))).toEqual(nothing);
    expect(out(drift({ route: "gone" }))).toEqual(nothing);
    expect(out(drift({ target: "elsewhere" }))).toEqual(nothing);
  });
  it("our own reports ask for nothing", () => {
    expect(out({ _tag: "ConfigurationApplied", revision: "x" })).toEqual(nothing);
    expect(out({ _tag: "DeliveryRetried", target: "eu", repository: app, tag: tagged("1"), why: "" })).toEqual(nothing);
    const discarded = { target: "eu", repository: app, tag: tagged("1"), why: "" };
    expect(out({ _tag: "DeliveryDiscarded", ...discarded })).toEqual(nothing);
    expect(out({ _tag: "TargetPaused", target: "eu", why: "" })).toEqual(nothing);
    expect(out({ _tag: "TargetResumed", target: "eu", why: "" })).toEqual(nothing);
    const digest = parseDigest(`sha256:${"a".repeat(64)}`);
    if (digest === undefined) throw new Error("a test needs a digest");
    const source = { registry: "hub", repository: app, tag: tagged("1") };
    const names = { target: "eu", repository: app, tag: tagged("1"), digest, source };
    expect(out({ _tag: "TagAdopted", ...names, route: "r", reconciliation: "1" })).toEqual(nothing);
  });
});

describe("a replay", () => {
  const event = { _tag: "ReplayRequested", after: 3, depth: "deep", why: "" } as const;
  it("asks its target, and no other", () => {
    const asked = { target: "eu", after: 3, depth: "deep", position: 7, requestedAt: at };
    expect(out({ ...event, target: "eu" })).toEqual({ ...nothing, replays: [asked] });
    expect(fanOut({ ...event, target: "eu" }, 7, at, onlyTarget(compiled, "us"))).toEqual(nothing);
  });
  it("asks nothing of a target that no route has", () => {
    expect(out({ ...event, target: "gone" })).toEqual(nothing);
  });
});

describe("notifications become events", () => {
  const hex = digest("subject").slice("sha256:".length);
  it("push", () => {
    expect(eventOf("lab", { _tag: "Pushed", repository: app, tag: tagged("1"), digest: digest("x") })).toEqual([
      { _tag: "ImagePushed", registry: "lab", repository: app, tag: "1", digest: digest("x") },
    ]);
  });
  it.each(["", ".sig", ".att", ".sbom"])("a pushed digest tag (%s) is a referrer", (suffix) => {
    expect(eventOf("lab", { _tag: "Pushed", repository: app, tag: tagged(`sha256-${hex}${suffix}`) })).toEqual([
      { _tag: "ReferrerPushed", registry: "lab", repository: app, subject: parseDigest(`sha256:${hex}`) },
    ]);
  });
  it("a digest tag that does not tell its subject asks for a rescan", () => {
    const events = eventOf("lab", { _tag: "Pushed", repository: app, tag: tagged(`sha512-${hex}`) });
    expect(events).toMatchObject([{ _tag: "RescanRequested", repository: app }]);
  });
  it("a change that names no tag asks for a rescan", () => {
    expect(eventOf("lab", { _tag: "Changed", repository: app, reason: "a push without a tag" })).toEqual([
      { _tag: "RescanRequested", registry: "lab", repository: app, reason: "a push without a tag" },
    ]);
  });
  it("delete by tag", () => {
    expect(eventOf("lab", { _tag: "Deleted", repository: app, tag: tagged("1"), digest: digest("x") })).toEqual([
      { _tag: "TagDeleted", registry: "lab", repository: app, tag: "1", digest: digest("x") },
    ]);
  });
  it.each([[digest("x")], [undefined]])("delete without a tag (%s) asks for a rescan beside it", (gone) => {
    expect(eventOf("lab", { _tag: "Deleted", repository: app, digest: gone }).map((event) => event._tag)).toEqual([
      "TagDeleted",
      "RescanRequested",
    ]);
  });
  it("promotion", () => {
    const from = { repository: app, tag: tagged("1") };
    expect(eventOf("lab", { _tag: "Promoted", from, to: from, move: false })).toEqual([
      { _tag: "ImagePromoted", registry: "lab", from, to: from, move: false },
    ]);
  });
});
