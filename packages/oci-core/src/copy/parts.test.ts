import { PassThrough, Readable } from "node:stream";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import type { Manifest } from "../model/manifest.ts";
import { parseManifest } from "../model/parse-manifest.ts";
import type { ImageFixture } from "../testing/images.ts";
import { image, index, manifestsOf } from "../testing/images.ts";
import { delayMs } from "./backoff.ts";
import { makeBlobIndex } from "./blob-index.ts";
import { choiceOf, NOTHING_OMITTED } from "./choice.ts";
import { CopyError } from "./errors.ts";
import { makeFinishedImages } from "./finished.ts";
import { walk } from "./graph.ts";
import { GRAPH_DEPTH_MAX, TRUST_MS } from "./limits.ts";
import { repo } from "./memory-registry.test-support.ts";
import { type PieceSink, pump } from "./pump.ts";
import { makeSingleFlight } from "./single-flight.ts";
import { makeTargetMemory } from "./target-memory.ts";

const EVERYTHING = { choice: choiceOf({}), omitted: NOTHING_OMITTED };

const [a, b, c] = [repo("a"), repo("b"), repo("c")];
const digest = (text: string) => digestOf(Buffer.from(text));
const base = digest("base");

describe("blob index", () => {
  it("believes what it learnt for a while, and offers the newest other repository", () => {
    const blobs = makeBlobIndex();
    blobs.learn("r", a, base, 1000);
    blobs.learn("r", b, base, 2000);
    expect(blobs.holds("r", a, base, 1000 + TRUST_MS - 1)).toBe(true);
    expect(blobs.holds("r", a, base, 1000 + TRUST_MS)).toBe(false);
    expect(blobs.mountSource("r", c, base)).toBe(b);
    expect(blobs.mountSource("r", b, base)).toBe(a);
    expect(blobs.mountSource("other", c, base)).toBeUndefined();
  });

  it("does not offer what refused a mount, and asks before it believes it again", () => {
    const blobs = makeBlobIndex();
    blobs.learn("r", a, base, 1000);
    blobs.refused("r", a, base);
    blobs.refused("r", b, base);
    expect(blobs.mountSource("r", c, base)).toBeUndefined();
    expect(blobs.holds("r", a, base, 1001)).toBe(false);
    expect(blobs.holds("r", b, base, 1001)).toBe(false);
    blobs.learn("r", a, base, 1002);
    expect(blobs.mountSource("r", c, base)).toBe(a);
    blobs.forget("r", a, base);
    expect(blobs.mountSource("r", c, base)).toBeUndefined();
  });

  it("never remembers more pairs than its bound, and keeps the last one", () => {
    const pair = fc.record({ repository: fc.constantFrom(a, b, c), n: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (pairs, most) => {
        const blobs = makeBlobIndex(most);
        for (const { repository, n } of pairs) blobs.learn("r", repository, digest(String(n)), 1);
        let held = 0;
        for (let n = 0; n <= 30; n += 1) {
          for (const repository of [a, b, c]) if (blobs.holds("r", repository, digest(String(n)), 2)) held += 1;
        }
        expect(held).toBeLessThanOrEqual(most);
        const last = pairs.at(-1);
        if (last !== undefined) expect(blobs.holds("r", last.repository, digest(String(last.n)), 2)).toBe(true);
      }),
    );
  });
});

describe("finished images", () => {
  const graphOf = (fixture: ImageFixture) => Effect.runSync(walkFixture(fixture));
  it("are forgotten by age and by weight", () => {
    const first = graphOf(image({ seed: "1" }));
    const second = graphOf(image({ seed: "2" }));
    const finished = makeFinishedImages(first.top.bytes.byteLength + 1500);
    finished.add("r", a, first, 0);
    expect(finished.get("r", a, first.top.digest, TRUST_MS - 1)).toBe(first);
    expect(finished.get("r", b, first.top.digest, 0)).toBeUndefined();
    finished.add("r", a, second, 0);
    expect(finished.get("r", a, first.top.digest, 0)).toBeUndefined();
    expect(finished.get("r", a, second.top.digest, TRUST_MS)).toBeUndefined();
  });
});

const walkFixture = (top: ImageFixture) => {
  const all = new Map<string, Manifest>();
  for (const one of manifestsOf(top)) {
    const manifest = parseManifest(one.bytes, one.mediaType);
    if (manifest._tag !== "Refused") all.set(one.digest, manifest);
  }
  const read = all.get(top.digest);
  if (read === undefined) throw new Error("no top");
  return walk(read, "test", (child) => Effect.succeed(all.get(child.digest)), 4, EVERYTHING);
};

describe("the walk", () => {
  const leaf = fc.nat(6).map((n) => image({ seed: `leaf-${n}`, layers: [100] }));
  const tree = fc.letrec<{ node: ImageFixture }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      leaf,
      fc.array(tie("node"), { maxLength: 4 }).map((children) => index({ children })),
    ),
  })).node;

  it("gives every manifest once, and none before what it names", () => {
    fc.assert(
      fc.property(tree, (top) => {
        const graph = Effect.runSync(walkFixture(top));
        const order = [...graph.levels.flat(), graph.top];
        expect(new Set(order.map((one) => one.digest)).size).toBe(order.length);
        expect(new Set(graph.digests)).toEqual(new Set(manifestsOf(top).map((one) => one.digest)));
        const done = new Set<string>();
        for (const manifest of order) {
          if (manifest._tag === "Index") for (const child of manifest.manifests) expect(done).toContain(child.digest);
          done.add(manifest.digest);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("refuses indexes that are nested too deep", () => {
    let top = image({ seed: "deep" });
    for (let depth = 0; depth < GRAPH_DEPTH_MAX; depth += 1) top = index({ children: [top] });
    expect(Effect.runSync(walkFixture(top)).digests).toHaveLength(GRAPH_DEPTH_MAX + 1);
    const failure = Effect.runSync(Effect.flip(walkFixture(index({ children: [top] }))));
    expect(failure).toBeInstanceOf(CopyError);
    expect(failure).toMatchObject({ reason: "graph-too-large", retryable: false });
  });

  it("refuses a claim of more bytes than any image has", () => {
    const bytes = new TextEncoder().encode(
      new TextDecoder().decode(image({ seed: "x", layers: [100] }).bytes).replace('"size": 100', `"size": ${2 ** 42}`),
    );
    const top = parseManifest(bytes, "application/vnd.oci.image.manifest.v1+json");
    if (top._tag === "Refused") throw new Error(top.detail);
    const failure = Effect.runSync(Effect.flip(walk(top, "test", () => Effect.undefined, 1, EVERYTHING)));
    expect(failure).toMatchObject({ reason: "graph-too-large" });
  });
});

describe("backoff", () => {
  const pace = { backoffMs: 500, backoffMaxMs: 60_000 };
  it("is drawn under a doubling ceiling and above a Retry-After", () => {
    expect(delayMs(1, 1, pace)).toBe(500);
    expect(delayMs(3, 0.5, pace)).toBe(1000);
    expect(delayMs(40, 1, pace)).toBe(60_000);
    expect(delayMs(1, 0.1, pace, 7000)).toBe(7000);
    expect(delayMs(1, 0.1, pace, 600_000)).toBe(60_000);
  });
});

describe("target memory", () => {
  it("stops counting on mounts that are never granted", () => {
    const memory = makeTargetMemory();
    for (let n = 0; n < 3; n += 1) {
      expect(memory.mountsWork("r")).toBe(true);
      memory.mounted("r", false);
    }
    expect(memory.mountsWork("r")).toBe(false);
    memory.mounted("r", true);
    expect(memory.mountsWork("r")).toBe(true);
  });
});

describe("single flight", () => {
  const flight = (events: Array<string>, name: string, lead: Effect.Effect<void, string>, waitMs = 10_000) => ({
    lead: Effect.andThen(
      Effect.sync(() => events.push(`${name} leads`)),
      lead,
    ),
    landed: Effect.sync(() => void events.push(`${name} lands`)),
    late: Effect.sync(() => void events.push(`${name} helps itself`)),
    waitMs,
  });

  it("lets one lead and the others land, and the next lead when one fails", async () => {
    const flights = makeSingleFlight();
    const events: Array<string> = [];
    await Effect.runPromise(
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void, string>();
        const first = yield* Effect.forkChild(
          Effect.exit(flights.run("k", flight(events, "1", Deferred.await(gate)))),
          {
            startImmediately: true,
          },
        );
        const others = yield* Effect.forkChild(
          Effect.forEach(["2", "3"], (name) => flights.run("k", flight(events, name, Effect.yieldNow)), {
            concurrency: 2,
          }),
          { startImmediately: true },
        );
        yield* Effect.yieldNow;
        yield* Deferred.fail(gate, "broken");
        yield* Fiber.join(first);
        yield* Fiber.join(others);
      }),
    );
    expect(events).toEqual(["1 leads", "2 leads", "3 lands"]);
  });

  it("waits no longer than it is told, and leaves nothing behind when its leader is interrupted", async () => {
    const flights = makeSingleFlight();
    const events: Array<string> = [];
    await Effect.runPromise(
      Effect.gen(function* () {
        const leader = yield* Effect.forkChild(flights.run("k", flight(events, "1", Effect.never)), {
          startImmediately: true,
        });
        yield* flights.run("k", flight(events, "2", Effect.void, 1));
        yield* Fiber.interrupt(leader);
        yield* flights.run("k", flight(events, "3", Effect.void));
      }),
    );
    expect(events).toEqual(["1 leads", "2 helps itself", "3 leads"]);
  });
});

describe("the pump", () => {
  const options = () => ({ onBytes: () => {}, stallMs: 20, signal: new AbortController().signal });
  const taking: PieceSink = { accept: (_piece, done) => done() };

  it("moves all, and the sink is its caller's to end", async () => {
    const seen: Buffer[] = [];
    const accept = (piece: Buffer, done: () => void): void => {
      seen.push(Buffer.from(piece));
      done();
    };
    const from = Readable.from([Buffer.from("first"), Buffer.from("second")], { objectMode: false });
    expect(await pump(from, { accept }, options())).toEqual({ _tag: "Drained" });
    expect(Buffer.concat(seen).toString()).toBe("firstsecond");
  });

  it("says that the source stopped", async () => {
    const silent = new Readable({ read: () => {} });
    expect(await pump(silent, taking, options())).toMatchObject({ _tag: "SourceBroke", stalled: true });
    expect(silent.destroyed).toBe(true);
    // A sink that has not given its piece back is not a stall of the source, however long it takes.
    const slow: PieceSink = { accept: (_piece, done) => void setTimeout(done, 70) };
    const source = new Readable({ read: () => {} });
    const end = pump(source, slow, options());
    source.push(Buffer.alloc(10));
    setTimeout(() => source.push(null), 60);
    expect(await end).toEqual({ _tag: "Drained" });
  });

  it("says which side broke, and stops when it is told to", async () => {
    const broken = new Readable({ read: () => broken.destroy(new Error("reset")) });
    expect(await pump(broken, taking, options())).toMatchObject({ _tag: "SourceBroke", detail: "reset" });
    const closed = new PassThrough();
    closed.destroy();
    expect(await pump(Readable.from([]), { ...taking, gone: closed }, options())).toMatchObject({ _tag: "SinkBroke" });
    const control = new AbortController();
    const silent = new Readable({ read: () => {} });
    const end = pump(silent, taking, { ...options(), stallMs: 60_000, signal: control.signal });
    control.abort();
    expect(await end).toEqual({ _tag: "SinkBroke" });
    expect(silent.destroyed).toBe(true);
  });
});
