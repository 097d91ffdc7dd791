import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { request } from "undici";
import { describe, expect } from "vitest";
import { MANIFEST_ACCEPT } from "../model/index.ts";
import type { FaultAction, FaultMatch } from "./faults.ts";
import { image } from "./images.ts";
import { pushImage } from "./push-image.ts";
import { type StrictRegistry, startStrictRegistry } from "./strict-registry.ts";

/** Larger than what fits into one packet, so that a cut in its middle is one. */
const IMAGE = image({ seed: "faults", layers: [300_000] });
const BLOB = IMAGE.blobs[1];
const BLOB_PATH = `/v2/team/web/blobs/${BLOB?.digest}`;
const MANIFEST_PATH = "/v2/team/web/manifests/v1";

interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
  /** How the body ended, if not well. */
  readonly broken?: string | undefined;
}

const ask = (
  registry: StrictRegistry,
  path: string,
  options: {
    method?: "GET" | "HEAD" | "PUT" | "POST";
    body?: Uint8Array;
    contentType?: string;
    timeoutMs?: number;
  } = {},
): Effect.Effect<Seen, string> =>
  Effect.tryPromise({
    try: async () => {
      const { method = "GET", body = null, contentType = "application/octet-stream", timeoutMs = 10_000 } = options;
      const headers = { accept: MANIFEST_ACCEPT, ...(body === null ? {} : { "content-type": contentType }) };
      const signal = AbortSignal.timeout(timeoutMs);
      const answer = await request(new URL(path, registry.url), { method, headers, body, signal });
      const pieces: Array<Uint8Array> = [];
      let broken: string | undefined;
      try {
        for await (const piece of answer.body) pieces.push(piece as Uint8Array);
      } catch (error) {
        broken = String(error);
      }
      return { status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(pieces), broken };
    },
    catch: String,
  });

const withFault = (action: FaultAction, match: FaultMatch = {}) =>
  Effect.gen(function* () {
    const registry = yield* startStrictRegistry();
    yield* pushImage(registry.url, "team/web", "v1", IMAGE);
    registry.requests.reset();
    return { registry, fault: registry.faults.add({ match, action }) };
  });

describe("faults", () => {
  it.live("answers with a status, a code and Retry-After, then is spent", () =>
    Effect.gen(function* () {
      const { registry, fault } = yield* withFault(
        { kind: "status", status: 429, retryAfter: 3 },
        { path: /manifests/ },
      );
      expect((yield* ask(registry, "/v2/")).status).toBe(200);
      const refused = yield* ask(registry, MANIFEST_PATH);
      expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "3"]);
      expect(refused.bytes.toString()).toContain("TOOMANYREQUESTS");
      expect((yield* ask(registry, MANIFEST_PATH)).status).toBe(200);
      expect([fault.seen(), fault.applied(), registry.faults.applied()]).toEqual([2, 1, 1]);
      expect(registry.requests.list().map((one) => one.fault)).toEqual([undefined, "status", undefined]);
    }),
  );

  it.live("begins with the nth request and ends after so many", () =>
    Effect.gen(function* () {
      const { registry, fault } = yield* withFault(
        { kind: "status", status: 500, body: "boom" },
        { method: "GET", nth: 2, times: 2 },
      );
      const statuses: Array<number> = [];
      for (let n = 0; n < 5; n += 1) statuses.push((yield* ask(registry, "/v2/")).status);
      expect(statuses).toEqual([200, 500, 500, 200, 200]);
      fault.remove();
      expect(registry.faults.list()).toEqual([]);
    }),
  );

  it.live("strikes by chance, the same every time", () =>
    Effect.gen(function* () {
      const runs: Array<string> = [];
      for (let run = 0; run < 2; run += 1) {
        const match = { times: Number.POSITIVE_INFINITY, chance: { of: 0.4, seed: 7 } };
        const { registry } = yield* withFault({ kind: "status", status: 503 }, match);
        let struck = "";
        for (let n = 0; n < 20; n += 1) struck += (yield* ask(registry, "/v2/")).status === 503 ? "x" : ".";
        runs.push(struck);
      }
      expect(runs[0]).toBe(runs[1]);
      expect(runs[0]).toContain("x.");
    }),
  );

  it.live("resets before anything is done, or after everything is", () =>
    Effect.gen(function* () {
      for (const when of ["before", "after"] as const) {
        const { registry } = yield* withFault({ kind: "reset", when }, { method: "PUT" });
        const put = ask(registry, "/v2/team/web/manifests/v2", {
          method: "PUT",
          body: IMAGE.bytes,
          contentType: IMAGE.mediaType,
        });
        expect(yield* Effect.flip(put)).toMatch(/ECONNRESET|closed/);
        expect(registry.tags("team/web")).toEqual(when === "before" ? ["v1"] : ["v1", "v2"]);
      }
    }),
  );

  it.live("breaks off a body after so many bytes", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "resetMidBody", afterBytes: 100_000 });
      const seen = yield* ask(registry, BLOB_PATH);
      expect([seen.status, seen.bytes.length]).toEqual([200, 100_000]);
      expect(seen.broken).toBeDefined();
    }),
  );

  it.live("keeps what came of an upload that breaks, so that it can go on", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault(
        { kind: "resetUpload", afterBytes: 100_000 },
        { method: "PUT", path: /uploads/ },
      );
      const whole = Buffer.alloc(300_000, 7);
      const opened = yield* ask(registry, "/v2/team/web/blobs/uploads/", { method: "POST" });
      const location = String(opened.headers["location"]);
      yield* Effect.flip(ask(registry, `${location}&digest=${BLOB?.digest}`, { method: "PUT", body: whole }));
      expect((yield* ask(registry, location)).headers["range"]).toBe("0-99999");
      expect(registry.requests.list({ method: "PUT" }).map(({ status, fault }) => ({ status, fault }))).toEqual([
        { status: undefined, fault: "resetUpload" },
      ]);
    }),
  );

  it.live("stops in the middle and stays silent", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "stall", afterBytes: 10 }, { path: /blobs/ });
      registry.faults.add({ match: { path: /manifests/ }, action: { kind: "stall" } });
      expect((yield* ask(registry, BLOB_PATH, { timeoutMs: 100 })).bytes.length).toBe(10);
      expect(yield* Effect.flip(ask(registry, MANIFEST_PATH, { timeoutMs: 100 }))).toContain("Timeout");
      yield* registry.drain;
    }),
  );

  it.live("answers late and slowly", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "slow", delayMs: 20, bytesPerSecond: 3_000_000 });
      expect((yield* ask(registry, BLOB_PATH)).bytes.length).toBe(300_000);
    }),
  );

  it.live("sends one byte wrong, of the right length", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "wrongBytes" }, { times: 1 });
      const [wrong, right] = [yield* ask(registry, BLOB_PATH), yield* ask(registry, BLOB_PATH)];
      expect(wrong.bytes.length).toBe(right.bytes.length);
      const differing = [...wrong.bytes].flatMap((byte, at) => (byte === right.bytes[at] ? [] : [at]));
      expect(differing).toEqual([150_000]);
    }),
  );

  it.live("names a wrong digest, or none", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "wrongDigestHeader" });
      registry.faults.add({ match: { nth: 2 }, action: { kind: "noDigestHeader" } });
      const wrong = (yield* ask(registry, MANIFEST_PATH, { method: "HEAD" })).headers["docker-content-digest"];
      expect(wrong).toMatch(/^sha256:/);
      expect(wrong).not.toBe(IMAGE.digest);
      expect(
        (yield* ask(registry, MANIFEST_PATH, { method: "HEAD" })).headers["docker-content-digest"],
      ).toBeUndefined();
    }),
  );

  it.live("redirects to a storage host that serves the blob and refuses credentials", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "redirect" });
      const location = String((yield* ask(registry, BLOB_PATH)).headers["location"]);
      expect(new URL(location).host).not.toBe(registry.host);
      expect((yield* ask(registry, location)).bytes.length).toBe(300_000);
      const tokened = yield* Effect.promise(() => request(location, { headers: { authorization: "Bearer leaked" } }));
      expect(tokened.statusCode).toBe(400);
      yield* Effect.promise(() => tokened.body.dump());
      registry.configure({ redirectBlobs: true });
      expect((yield* ask(registry, BLOB_PATH)).status).toBe(307);
      registry.faults.add({ match: {}, action: { kind: "redirect", to: "http://192.0.2.1/elsewhere" } });
      expect((yield* ask(registry, BLOB_PATH)).headers["location"]).toBe("http://192.0.2.1/elsewhere");
    }),
  );

  it.live("cuts lists short without saying so", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "truncatedList" }, { path: /tags/ });
      registry.faults.add({ match: { path: /tags/, nth: 2 }, action: { kind: "truncatedList", keep: 0 } });
      for (const tag of ["a", "b", "c"]) registry.putTag("team/web", tag, IMAGE.digest);
      const list = Effect.map(ask(registry, "/v2/team/web/tags/list?n=4"), ({ bytes }) => bytes.toString());
      expect(yield* list).toBe('{"name":"team/web","tags":["a","b"]}');
      expect(yield* list).toBe('{"name":"team/web","tags":[]}');
    }),
  );

  it.live("sends a page of HTML with status 200", () =>
    Effect.gen(function* () {
      const { registry } = yield* withFault({ kind: "html200" });
      const seen = yield* ask(registry, MANIFEST_PATH);
      expect([seen.status, seen.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    }),
  );
});
