import { buffer } from "node:stream/consumers";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Stream from "effect/Stream";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { parseRepositoryName } from "../model/names.ts";
import { RegistryError, type RegistryReason } from "./errors.ts";
import type { BlobBody, Registry } from "./registry.ts";
import {
  failureOf,
  type Reply,
  type Script,
  type Seen,
  startServer,
  withRegistry,
} from "./scripted-server.test-support.ts";

const WEB = parseRepositoryName("team/web") ?? expect.unreachable();
const BYTES = Buffer.from("0123456789".repeat(1000));
const BLOB = { mediaType: "application/x", digest: digestOf(BYTES), size: BYTES.length };

const whole = (): Reply => ({ status: 200, headers: { "content-length": String(BYTES.length) }, body: BYTES });
const ranged: Script = ({ headers }) => {
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? "-1");
  if (from < 0) return whole();
  return {
    status: 206,
    headers: { "content-range": `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` },
    body: BYTES.subarray(from),
  };
};
const drained = (body: BlobBody) =>
  Effect.result(
    Effect.tryPromise({
      try: () => buffer(body.stream),
      catch: (cause) =>
        cause instanceof RegistryError ? cause : expect.unreachable(`a stream failed with ${String(cause)}`),
    }),
  );
const read = (registry: Registry, from?: number) => Effect.flatMap(registry.blob(WEB, BLOB, from), drained);
const reads = (from: number | undefined, expected: Buffer) => (registry: Registry) =>
  Effect.map(read(registry, from), (result) => {
    expect(result._tag === "Success" && result.success.equals(expected)).toBe(true);
  });
const breaks = (reason: RegistryReason) => (registry: Registry) =>
  Effect.map(read(registry), (result) => expect(result).toMatchObject({ failure: { _tag: "RegistryError", reason } }));
const fails = (reason: RegistryReason, from?: number) => (registry: Registry) =>
  Effect.map(failureOf(registry.blob(WEB, BLOB, from)), (error) => expect(error.reason).toBe(reason));

describe("blob", () => {
  it("gives its bytes and size", async () => {
    const seen = await withRegistry(ranged, (registry) =>
      Effect.gen(function* () {
        const body = yield* registry.blob(WEB, BLOB);
        expect(body.size).toBe(BLOB.size);
        expect((yield* Effect.promise(() => buffer(body.stream))).equals(BYTES)).toBe(true);
      }),
    );
    expect(seen).toMatchObject([
      { path: `/v2/team/web/blobs/${BLOB.digest}`, headers: { "accept-encoding": "identity" } },
    ]);
    expect(seen[0]?.headers.range).toBeUndefined();
  });
  it("goes on from a byte with Range", async () => {
    const seen = await withRegistry(ranged, reads(4321, BYTES.subarray(4321)));
    expect(seen[0]?.headers.range).toBe("bytes=4321-");
  });
  it("skips what it has where Range is ignored", async () => {
    await withRegistry(whole, reads(4321, BYTES.subarray(4321)));
  });
  it("has nothing to ask for at the end", async () => {
    expect(await withRegistry(whole, reads(BLOB.size, Buffer.alloc(0)))).toHaveLength(0);
  });
  it("refuses a range that was not asked for", async () => {
    const script: Script = () => ({
      status: 206,
      headers: { "content-range": `bytes 0-9/${BLOB.size}` },
      body: BYTES.subarray(0, 10),
    });
    await withRegistry(script, fails("invalid-response", 100));
  });
  it("sees a wrong length in the headers, and in the body where there is none", async () => {
    await withRegistry(
      () => ({ status: 200, headers: { "content-length": "5" }, body: "12345" }),
      fails("digest-mismatch"),
    );
    const chunked =
      (body: Buffer): Script =>
      (_request, response) => {
        response.writeHead(200);
        response.write(body);
        response.end();
        return undefined;
      };
    await withRegistry(chunked(Buffer.concat([BYTES, BYTES])), breaks("digest-mismatch"));
    await withRegistry(chunked(BYTES.subarray(1)), breaks("network"));
    await withRegistry(chunked(BYTES), reads(undefined, BYTES));
  });
  it("a broken connection is an error of the stream", async () => {
    const script: Script = (_request, response) => {
      response.writeHead(200, { "content-length": BYTES.length });
      response.write(BYTES.subarray(0, 5000), () => response.destroy());
      return undefined;
    };
    await withRegistry(script, breaks("network"));
  });
  it.each([
    [404, "BLOB_UNKNOWN", "not-found"],
    [404, "NAME_UNKNOWN", "repository-unknown"],
    [404, undefined, "invalid-response"],
    [403, "DENIED", "denied"],
  ] as const)("%i %s is %s", async (status, code, reason) => {
    const body = code === undefined ? "" : JSON.stringify({ errors: [{ code }] });
    await withRegistry(() => ({ status, body }), fails(reason));
  });
  it("holds its permit until it is read or destroyed", async () => {
    const program = (registry: Registry) =>
      Effect.gen(function* () {
        // One read and one other request fit; a second read has to wait for the first.
        const first = yield* registry.blob(WEB, BLOB);
        expect(yield* registry.hasBlob(WEB, BLOB.digest)).toBe(true);
        const second = yield* Effect.timeoutOption(registry.blob(WEB, BLOB), 50);
        expect(second._tag).toBe("None");
        first.stream.destroy();
        const third = yield* registry.blob(WEB, BLOB);
        yield* drained(third);
        yield* drained(yield* registry.blob(WEB, BLOB));
      });
    await withRegistry(ranged, program, { traits: { concurrency: 1 } });
  });
  it("a body that breaks unheard does not end the process", async () => {
    let cut = (): void => undefined;
    const script: Script = (_request, response) => {
      response.writeHead(200, { "content-length": BYTES.length });
      response.write(BYTES.subarray(0, 10));
      cut = () => response.destroy();
      return undefined;
    };
    await withRegistry(script, (registry) =>
      Effect.gen(function* () {
        const body = yield* registry.blob(WEB, BLOB);
        cut();
        yield* Effect.promise(() => new Promise((resolve) => body.stream.on("close", resolve)));
        expect(body.stream.errored).toMatchObject({ reason: "network" });
      }),
    );
  });
});

describe("redirects of a blob", () => {
  /** Runs `test` against a registry that sends blobs to another server, and returns what both saw. */
  const withStorage = async (
    storage: Script,
    test: (registry: Registry) => Effect.Effect<unknown, never>,
  ): Promise<{ registry: ReadonlyArray<Seen>; storage: ReadonlyArray<Seen> }> => {
    let stored: ReadonlyArray<Seen> = [];
    let target = "";
    const registry = await withRegistry(
      ({ path }) =>
        path === "/v2/" ? { status: 200 } : { status: 307, headers: { location: `${target}/bucket?sig=secret` } },
      (connected) =>
        Effect.gen(function* () {
          const server = yield* startServer(storage);
          target = server.url.origin;
          yield* test(connected);
          stored = server.seen;
        }),
      { auth: [{ _tag: "Basic", username: "u", password: Redacted.make("p") }] },
    );
    return { registry, storage: stored };
  };

  it("lose the credentials and keep the range", async () => {
    const seen = await withStorage(ranged, (registry) => Effect.orDie(reads(10, BYTES.subarray(10))(registry)));
    expect(seen.registry.at(-1)?.headers.authorization).toMatch(/^Basic /);
    expect(seen.storage).toMatchObject([{ path: "/bucket?sig=secret", headers: { range: "bytes=10-" } }]);
    expect(seen.storage[0]?.headers.authorization).toBeUndefined();
  });
  it("errors of storage are not quoted, and its signed address is not shown", async () => {
    await withStorage(
      () => ({ status: 403, body: "<StringToSign>sig=secret</StringToSign>" }),
      (registry) =>
        Effect.map(failureOf(registry.blob(WEB, BLOB)), (error) => {
          expect(error).toMatchObject({ reason: "denied", status: 403 });
          expect(JSON.stringify(error) + error.message).not.toMatch(/secret|StringToSign/);
        }),
    );
  });
  it("HEAD: storage that only signs GET still means present; 404 there is absent", async () => {
    const has = (expected: boolean) => (registry: Registry) =>
      Effect.orDie(Effect.map(registry.hasBlob(WEB, BLOB.digest), (present) => expect(present).toBe(expected)));
    await withStorage(() => ({ status: 403 }), has(true));
    await withStorage(() => ({ status: 404 }), has(false));
    await withStorage(whole, has(true));
  });
  it.each([
    ["http://169.254.169.254/latest/meta-data", "unsafe-location"],
    ["http://u:p@127.0.0.1/x", "unsafe-location"],
    ["file:///etc/passwd", "unsafe-location"],
    ["http://[", "invalid-response"],
  ] as const)("to %s: %s", async (location, reason) => {
    await withRegistry(() => ({ status: 302, headers: { location } }), fails(reason));
  });
  it("end after ten hops", async () => {
    const seen = await withRegistry(
      ({ path }) => ({ status: 302, headers: { location: `${path}x` } }),
      fails("unsafe-location"),
    );
    expect(seen).toHaveLength(11);
  });
});

describe("hasBlob", () => {
  it.each([
    [200, true],
    [404, false],
  ])("%i is %s", async (status, expected) => {
    await withRegistry(
      () => ({ status }),
      (registry) => Effect.map(registry.hasBlob(WEB, BLOB.digest), (present) => expect(present).toBe(expected)),
    );
  });
  it("anything else is an error", async () => {
    await withRegistry(
      () => ({ status: 403 }),
      (registry) =>
        Effect.map(failureOf(registry.hasBlob(WEB, BLOB.digest)), (error) => expect(error.reason).toBe("denied")),
    );
  });
});

it("a list never follows a blob's way to another host, and its tags are not half of another's", async () => {
  await withRegistry(
    () => ({ status: 307, headers: { location: "http://127.0.0.1:9/" } }),
    (registry) =>
      Effect.forEach([Stream.runDrain(registry.tags(WEB)), registry.referrers(WEB, BLOB.digest)], (list) =>
        Effect.map(failureOf(list), (error) => expect(error.reason).toBe("unsafe-location")),
      ),
  );
});

it("a page of HTML is no word that the blob is there", async () => {
  await withRegistry(
    () => ({ status: 200, headers: { "content-type": "text/html" }, body: "<html>" }),
    (registry) =>
      Effect.map(failureOf(registry.hasBlob(WEB, BLOB.digest)), (error) =>
        expect(error.reason).toBe("invalid-response"),
      ),
  );
});
