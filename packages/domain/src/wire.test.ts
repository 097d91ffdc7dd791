import { digestOf, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DomainEvent } from "./event.ts";
import { digest, repo, tagged } from "./samples.test-support.ts";
import { decodeEvent, EVENT_TYPES, encodeEvent } from "./wire.ts";

const text = fc.string({ maxLength: 12 });
const repository = fc.stringMatching(/^[a-z0-9]{1,5}(\/[a-z0-9]{1,5}){0,2}$/).map(repo);
const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,9}$/).map(tagged);
const hash = fc.uint8Array().map((bytes) => digestOf(bytes));
const count = fc.nat();
const maybe = <A>(value: fc.Arbitrary<A>) => fc.option(value, { nil: undefined });
const sourceTag = fc.record({ registry: text, repository, tag });
const place = fc.record({ repository, tag: maybe(tag) });
const counts = fc.record({ copied: count, mounted: count, present: count });
const outcome = { target: text, repository, tag, source: sourceTag, route: text, cause: count, digest: maybe(hash) };
const error = fc.record({
  side: fc.constantFrom("source", "target", "drayage"),
  operation: text,
  reason: text,
  detail: text,
  retryable: fc.boolean(),
  status: maybe(count),
  requestId: maybe(text),
  attempt: count,
  nextAttempt: maybe(text),
});
const scope = fc.record({
  kind: fc.constantFrom("full", "changed", "rescan"),
  target: maybe(text),
  route: maybe(text),
  repository: maybe(text),
});
const drift = fc.constantFrom("missing", "different", "extra", "incomplete", "conflict", "unrouted");
const is = <T extends string>(name: T) => fc.constant(name);

const events: { readonly [T in DomainEvent["_tag"]]: fc.Arbitrary<Extract<DomainEvent, { _tag: T }>> } = {
  ImagePushed: fc.record({
    _tag: is("ImagePushed"),
    registry: text,
    repository,
    tag: maybe(tag),
    digest: maybe(hash),
    mediaType: maybe(text),
    platforms: maybe(fc.array(text)),
  }),
  TagDeleted: fc.record({ _tag: is("TagDeleted"), registry: text, repository, tag: maybe(tag), digest: maybe(hash) }),
  ImagePromoted: fc.record({
    _tag: is("ImagePromoted"),
    registry: text,
    from: place,
    to: maybe(place),
    move: maybe(fc.boolean()),
  }),
  ReferrerPushed: fc.record({
    _tag: is("ReferrerPushed"),
    registry: text,
    repository,
    subject: hash,
    artifactType: maybe(text),
  }),
  RescanRequested: fc.record({ _tag: is("RescanRequested"), registry: text, repository, reason: text }),
  DriftFound: fc.record({
    _tag: is("DriftFound"),
    target: text,
    repository,
    tag,
    kind: drift,
    source: sourceTag,
    route: text,
    wanted: maybe(hash),
    held: maybe(hash),
    reconciliation: text,
    backfill: maybe(fc.boolean()),
  }),
  ReplicationSucceeded: fc.record({
    _tag: is("ReplicationSucceeded"),
    ...outcome,
    action: fc.constantFrom("copied", "deleted", "unchanged", "adopted"),
    bytes: counts,
    blobs: counts,
    referrers: count,
    durationMs: count,
  }),
  ReplicationFailed: fc.record({ _tag: is("ReplicationFailed"), ...outcome, error }),
  ReplicationParked: fc.record({ _tag: is("ReplicationParked"), ...outcome, error }),
  ReplicationSkipped: fc.record({ _tag: is("ReplicationSkipped"), ...outcome, reason: text, detail: maybe(text) }),
  ReconciliationStarted: fc.record({ _tag: is("ReconciliationStarted"), reconciliation: text, scope }),
  ReconciliationCompleted: fc.record({
    _tag: is("ReconciliationCompleted"),
    reconciliation: text,
    scope,
    compared: count,
    drift: fc.dictionary(drift, count, { noNullPrototype: true }),
    completeness: fc.constantFrom("complete", "incomplete"),
    problems: fc.array(text),
    durationMs: count,
  }),
  DeletionProposed: fc.record({
    _tag: is("DeletionProposed"),
    target: text,
    repository,
    tag,
    digest: maybe(hash),
    why: text,
  }),
  DeletionRefused: fc.record({
    _tag: is("DeletionRefused"),
    target: text,
    repository,
    tag,
    digest: maybe(hash),
    why: text,
  }),
  ConfigurationApplied: fc.record({ _tag: is("ConfigurationApplied"), revision: text }),
  DeliveryRetried: fc.record({ _tag: is("DeliveryRetried"), target: text, repository, tag, why: text }),
  DeliveryDiscarded: fc.record({ _tag: is("DeliveryDiscarded"), target: text, repository, tag, why: text }),
  TargetPaused: fc.record({ _tag: is("TargetPaused"), target: text, backfill: maybe(fc.boolean()), why: text }),
  TargetResumed: fc.record({ _tag: is("TargetResumed"), target: text, backfill: maybe(fc.boolean()), why: text }),
  ReplayRequested: fc.record({
    _tag: is("ReplayRequested"),
    target: text,
    after: count,
    depth: fc.constantFrom("tag", "referrers", "deep"),
    why: text,
  }),
  TagAdopted: fc.record({
    _tag: is("TagAdopted"),
    target: text,
    repository,
    tag,
    digest: hash,
    source: sourceTag,
    route: text,
    reconciliation: text,
  }),
};
const anyEvent: fc.Arbitrary<DomainEvent> = fc.oneof(...Object.values(events));
/** As PostgreSQL gives it back. */
const stored = (event: DomainEvent) => {
  const { type, data } = encodeEvent(event);
  const read: unknown = JSON.parse(JSON.stringify(data));
  return { type, data: read };
};

describe("events in the log", () => {
  for (const [name, arbitrary] of Object.entries(events)) {
    it(`${name} survives the log`, () => {
      void fc.assert(
        fc.property(arbitrary as fc.Arbitrary<DomainEvent>, (event) => {
          expect(decodeEvent(stored(event))).toEqual(event);
        }),
        { numRuns: 50 },
      );
    });
  }

  it("fields of a newer version are tolerated", () => {
    void fc.assert(
      fc.property(anyEvent, fc.string(), (event, extra) => {
        const { type, data } = stored(event);
        expect(decodeEvent({ type, data: { ...(data as object), inventedLater: extra } })).toEqual(event);
      }),
      { numRuns: 50 },
    );
  });

  it("a type of a newer version is a value", () => {
    const data = { target: "x" };
    expect(decodeEvent({ type: "io.drayage.target.renamed.v1", data })).toEqual({
      _tag: "UnknownEvent",
      type: "io.drayage.target.renamed.v1",
      data,
    });
  });

  it("never throws, whatever the data is", () => {
    void fc.assert(
      fc.property(fc.constantFrom(...Object.values(EVENT_TYPES)), fc.jsonValue(), (type, data) => {
        expect(decodeEvent({ type, data })).toHaveProperty("_tag");
      }),
    );
  });

  it("a name that breaks the grammar is refused and says where", () => {
    const { type, data } = stored({ _tag: "ImagePushed", registry: "lab", repository: repo("app"), tag: tagged("1") });
    expect(decodeEvent({ type, data: { ...(data as object), repository: "../etc" } })).toEqual({
      _tag: "InvalidEvent",
      type,
      reason: "repository: not a repository name",
    });
  });

  it("types are distinct, versioned and of one form", () => {
    const types = Object.values(EVENT_TYPES);
    expect(new Set(types).size).toBe(types.length);
    for (const type of types) expect(type).toMatch(/^io\.drayage\.[a-z]+\.[a-z]+\.v1$/);
  });

  it("subjects name what the event is about", () => {
    const app = repo("team/app");
    const subject = (event: DomainEvent): string => encodeEvent(event).subject;
    expect(subject({ _tag: "ImagePushed", registry: "lab", repository: app, tag: tagged("1") })).toBe("lab/team/app:1");
    expect(subject({ _tag: "TagDeleted", registry: "lab", repository: app, digest: digest("a") })).toBe(
      `lab/team/app@${digest("a")}`,
    );
    expect(subject({ _tag: "ReferrerPushed", registry: "lab", repository: app, subject: digest("a") })).toBe(
      `lab/team/app@${digest("a")}`,
    );
    expect(subject({ _tag: "RescanRequested", registry: "lab", repository: app, reason: "" })).toBe("lab/team/app");
    expect(subject({ _tag: "DeliveryRetried", target: "prod", repository: app, tag: tagged("1"), why: "" })).toBe(
      "prod/team/app:1",
    );
    expect(subject({ _tag: "ConfigurationApplied", revision: "abc" })).toBe("configuration/abc");
  });

  it("names that pass here pass the model's grammar", () => {
    void fc.assert(
      fc.property(repository, tag, (name, version) => {
        expect(parseRepositoryName(name)).toBe(name);
        expect(parseTag(version)).toBe(version);
      }),
      { numRuns: 20 },
    );
  });
});
