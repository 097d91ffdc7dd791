import { rescanWithin } from "@drayage/delivery";
import { sampleRequest } from "@drayage/delivery/testing";
import { EVENT_TYPES } from "@drayage/domain";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { type Ask, append, pushed, seed, start, TOKEN, test, tokens } from "./admin.test-support.ts";

const PATHS = [
  "/api/v1/targets",
  "/api/v1/deliveries",
  "/api/v1/events",
  "/api/v1/images?repository=app",
  "/api/v1/rescans",
  "/metrics",
  "/openapi.json",
];

describe("reads", () => {
  test("deliveries: filtered, and page by page each once", function* () {
    yield* seed({ done: ["app:v1", "app:v2"], stuck: ["app:bad"], waiting: ["b:v1", "b:v2"] });
    const { ask } = yield* start();
    const namesOf = (json: unknown) =>
      (json as { deliveries: ReadonlyArray<{ repository: string; tag: string }> }).deliveries.map(
        ({ repository, tag }) => `${repository}:${tag}`,
      );
    const get = (query: string) => Effect.map(ask(`/api/v1/deliveries${query}`), ({ json }) => namesOf(json));
    expect(yield* get("")).toHaveLength(5);
    expect(yield* get("?state=parked")).toEqual(["app:bad"]);
    expect((yield* get("?state=pending")).toSorted()).toEqual(["b:v1", "b:v2"]);
    expect(yield* get("?repository=app&tag=v2")).toEqual(["app:v2"]);
    expect(yield* get("?target=west")).toEqual([]);

    const seen: Array<string> = [];
    let pages = 0;
    for (let next: string | undefined = "0"; next !== undefined; pages += 1) {
      const { json }: { json: unknown } = yield* ask(`/api/v1/deliveries?limit=2&after=${next}`);
      seen.push(...namesOf(json));
      next = (json as { next?: string }).next;
    }
    expect([pages, seen.length, new Set(seen).size]).toEqual([3, 5, 5]);

    const { json } = yield* ask("/api/v1/deliveries?state=parked");
    expect(json).toMatchObject({
      deliveries: [
        {
          target: "east",
          source: { registry: "source", repository: "app", tag: "bad" },
          state: "parked",
          attempts: 1,
          lastError: { side: "target", reason: "unavailable" },
          parkedAt: expect.stringMatching(/Z$/),
        },
      ],
    });
  });

  test("events: newest, by position, by time, by type", function* () {
    const first = yield* append(pushed("app:v1"));
    const last = yield* append(pushed("app:v2"), { _tag: "ConfigurationApplied", revision: "r1" });
    const { ask } = yield* start();
    const get = Effect.fnUntraced(function* (query: string) {
      const { status, json } = yield* ask(`/api/v1/events${query}`);
      expect(status).toBe(200);
      return json as { events: ReadonlyArray<{ position: number; type: string }>; head: number };
    });
    const positions = (query: string) =>
      Effect.map(get(query), ({ events }) => events.map(({ position }) => position - first));
    expect(yield* get("")).toMatchObject({
      head: last,
      events: [
        { specversion: "1.0", type: EVENT_TYPES.ImagePushed, subject: "source/app:v1", position: first },
        {},
        {},
      ],
    });
    expect(yield* positions("?limit=1")).toEqual([last - first]);
    expect(yield* positions(`?after=${first}&limit=1`)).toEqual([1]);
    expect(yield* positions("?after=0&type=ConfigurationApplied")).toEqual([2]);
    expect(yield* positions(`?after=0&type=ConfigurationApplied,%20${EVENT_TYPES.ImagePushed}`)).toEqual([0, 1, 2]);
    expect(yield* positions("?type=Unheard")).toEqual([]);
    expect(yield* positions("?since=2020-01-01T00:00:00%2B02:00")).toEqual([0, 1, 2]);
    expect(yield* positions("?since=2999-01-01T00:00:00Z")).toEqual([]);
  });

  test("images by their name at the source or at a target; rescans that wait", function* () {
    yield* seed({ done: ["app:v1", "app:v2"] });
    const { transaction } = yield* Database;
    const { repository } = sampleRequest("app:v1", 1);
    yield* transaction("rescan", (trx) =>
      rescanWithin(trx, [{ registry: "source", repository, position: 7, reason: "a deletion by digest" }]),
    );
    const { ask } = yield* start();
    const count = (query: string) =>
      Effect.map(
        ask(`/api/v1/images${query}`),
        ({ json }) => (json as { deliveries: ReadonlyArray<unknown> }).deliveries.length,
      );
    expect([
      yield* count("?repository=app"),
      yield* count("?repository=app&tag=v2"),
      yield* count("?repository=b"),
    ]).toEqual([2, 1, 0]);
    expect((yield* ask("/api/v1/rescans")).json).toEqual({
      rescans: [
        {
          registry: "source",
          repository: "app",
          reason: "a deletion by digest",
          requestedAt: expect.stringMatching(/Z$/),
          leased: false,
        },
      ],
    });
  });
});

describe("what is not valid", () => {
  test("is refused with a problem that says which part", function* () {
    const { ask } = yield* start();
    const bad: Readonly<Record<string, string>> = {
      "/api/v1/deliveries?state=gone": "state",
      "/api/v1/deliveries?limit=0": "limit",
      "/api/v1/deliveries?limit=1001": "limit",
      "/api/v1/deliveries?limit=1e2": "limit",
      "/api/v1/deliveries?limit=": "limit",
      "/api/v1/deliveries?after=-1": "after",
      "/api/v1/deliveries?target=a%00b": "target",
      "/api/v1/deliveries?tag=": "tag",
      "/api/v1/deliveries?state=parked&state=idle": "state",
      "/api/v1/events?after=x": "after",
      "/api/v1/events?after=": "after",
      "/api/v1/events?after=1.5": "after",
      "/api/v1/events?since=yesterday": "since",
      "/api/v1/events?since=0000-01-01T00:00:00Z": "since",
      "/api/v1/events?type=%0a": "type",
      "/api/v1/images": "repository",
      [`/api/v1/images?repository=${"a".repeat(513)}`]: "repository",
      "/api/v1/events/stream?after=x": "after",
    };
    for (const [path, field] of Object.entries(bad)) {
      const { status, headers, json } = yield* ask(path);
      expect([path, status, headers["content-type"]]).toEqual([path, 400, "application/problem+json"]);
      expect(json).toMatchObject({ type: "about:blank", title: "The request is not valid", status: 400 });
      expect((json as { detail: string }).detail).toMatch(new RegExp(`^${field}: `));
    }
    const header = yield* ask("/api/v1/events/stream", { headers: { "last-event-id": "x" } });
    expect([header.status, header.headers["content-type"]]).toEqual([400, "application/problem+json"]);
  });

  test("what is not there is 404, what is not GET is 405; HEAD is GET without a body", function* () {
    const { ask } = yield* start();
    for (const method of ["GET", "POST", "DELETE"]) {
      const answer = yield* ask("/api/v2/nothing", { method });
      expect([answer.status, answer.headers["content-type"]]).toEqual([404, "application/problem+json"]);
    }
    for (const path of [...PATHS, "/api/v1/events/stream"]) {
      const posted = yield* ask(path, { method: "POST" });
      expect([path, posted.status, posted.headers["allow"], posted.json]).toMatchObject([
        path,
        405,
        "GET, HEAD",
        { status: 405 },
      ]);
      const head = yield* ask(path, { method: "HEAD" });
      expect([path, head.status, head.text]).toEqual([path, 200, ""]);
    }
    expect(yield* ask("/nothing", { method: "HEAD" })).toMatchObject({ status: 404, text: "" });
    expect((yield* ask("/api/v1/targets")).headers["cache-control"]).toBe("no-store");
  });
});

describe("who may ask", () => {
  const statuses = (ask: Ask, headers: Readonly<Record<string, string>>, paths = PATHS) =>
    Effect.map(
      Effect.forEach(paths, (path) => ask(path, { headers })),
      (all) => [...new Set(all.map(({ status }) => status))],
    );

  test("with tokens: one of them, and nobody without", function* () {
    const { ask } = yield* start({ tokens });
    expect(yield* statuses(ask, {})).toEqual([401]);
    const wrong = [
      "Bearer",
      "Bearer ",
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
      TOKEN,
      "Bearer x".padEnd(5000, "x"),
    ];
    for (const authorization of wrong) {
      const refused = yield* ask("/api/v1/targets", { headers: { authorization } });
      expect(refused).toMatchObject({ status: 401, json: { status: 401, title: "Not authorized" } });
      expect(refused.headers["www-authenticate"]).toBe('Bearer realm="drayage"');
      expect(refused.text).not.toContain(TOKEN.slice(1));
    }
    // What there is is not told either.
    expect(yield* statuses(ask, {}, ["/nothing", "/api/v1/events/stream"])).toEqual([401]);
    expect(yield* statuses(ask, { authorization: `Bearer ${TOKEN}` })).toEqual([200]);
    expect(yield* statuses(ask, { authorization: `bearer ${TOKEN}`, host: "drayage.example.com" })).toEqual([200]);
    expect(yield* statuses(ask, {}, ["/healthz", "/readyz"])).toEqual([200]);
  });

  test("without tokens: this machine, under its own name, and no proxy for somebody else", function* () {
    const { ask, server } = yield* start();
    for (const host of ["localhost", `localhost:${server.port}`, `127.0.0.1:${server.port}`, "[::1]:8081"])
      expect(yield* statuses(ask, { host })).toEqual([200]);
    for (const host of ["evil.example.com", "127.0.0.1.evil.example.com", "localhost.evil.example.com:80", "10.0.0.1"])
      expect(yield* statuses(ask, { host })).toEqual([403]);
    const proxied = yield* ask("/api/v1/targets", { headers: { "x-forwarded-for": "203.0.113.7" } });
    expect(proxied).toMatchObject({ status: 403, json: { title: "Forbidden", status: 403 } });
  });
});

test("a fault of ours is 500 and tells nothing of it", function* () {
  const { makeApi } = yield* Effect.promise(() => import("./api.ts"));
  const { makeReads } = yield* Effect.promise(() => import("./reads.ts"));
  const { makeActs } = yield* Effect.promise(() => import("./acts.ts"));
  const { config } = yield* start();
  const reads = makeReads(config, yield* Database, yield* EventLog);
  const told: Array<unknown> = [];
  const api = makeApi(
    { ...reads, targets: () => Promise.reject(new TypeError("inner detail")) },
    makeActs(config, yield* Database, yield* EventLog),
    { tokens: [] },
    { failed: (cause) => told.push(cause) },
  );
  const answer = yield* Effect.promise(async () => api.request("/api/v1/targets"));
  expect([answer.status, told]).toMatchObject([500, [new TypeError("inner detail")]]);
  expect(yield* Effect.promise(() => answer.text())).not.toContain("inner detail");
});
