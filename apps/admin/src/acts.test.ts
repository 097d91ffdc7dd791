import { EVENT_TYPES } from "@drayage/domain";
import { EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { type Ask, append, OPERATOR_TOKEN, pushed, seed, start, TOKEN, test, tokens } from "./admin.test-support.ts";

const post = (ask: Ask, path: string, body: unknown = {}, headers: Readonly<Record<string, string>> = {}) =>
  ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const told = (...types: ReadonlyArray<keyof typeof EVENT_TYPES>) =>
  Effect.gen(function* () {
    const log = yield* EventLog;
    const events = yield* log.read({ after: 0, limit: 100, types: types.map((type) => EVENT_TYPES[type]) });
    return events.map(({ type, subject, actor, data }) => ({ type: type.split(".").at(-2), subject, actor, data }));
  });

describe("pause and resume", () => {
  test("say who and why, once; the target shows it, and its lag does not grow", function* () {
    const { ask } = yield* start();
    yield* seed({ waiting: ["app:v1"] });
    expect((yield* post(ask, "/api/v1/targets/east/pause", { why: "maintenance" })).json).toEqual({
      target: "east",
      paused: true,
      changed: true,
    });
    expect((yield* post(ask, "/api/v1/targets/east/pause")).json).toMatchObject({ changed: false });
    const { targets } = (yield* ask("/api/v1/targets")).json as { targets: ReadonlyArray<object> };
    expect(targets).toMatchObject([
      { name: "east", state: "behind", backlog: 1, lagSeconds: 0, pausedAt: expect.any(String) },
      { name: "west" },
    ]);
    expect(targets).toMatchObject([{ reasons: expect.arrayContaining(["1 deliveries pending (paused)"]) }, {}]);
    expect(targets[1]).not.toHaveProperty("pausedAt");
    expect((yield* post(ask, "/api/v1/targets/east/resume", { why: "done" })).json).toMatchObject({ changed: true });
    expect(yield* told("TargetPaused", "TargetResumed")).toEqual([
      { type: "paused", subject: "targets/east", actor: "user:local", data: { target: "east", why: "maintenance" } },
      { type: "resumed", subject: "targets/east", actor: "user:local", data: { target: "east", why: "done" } },
    ]);
  });
});

describe("parked deliveries", () => {
  test("are retried or given up by name, and left alone otherwise", function* () {
    const { ask } = yield* start();
    yield* seed({ stuck: ["app:v1", "app:v2", "app:v3"] });
    const parked = (yield* ask("/api/v1/deliveries?state=parked")).json as { deliveries: [{ delivery: string }] };
    const [first, second] = parked.deliveries.map(({ delivery }) => delivery);
    expect((yield* post(ask, "/api/v1/deliveries/retry", { deliveries: [first, "999"] })).json).toMatchObject({
      deliveries: [{ delivery: first, repository: "app", tag: "v1" }],
    });
    expect(
      (yield* post(ask, "/api/v1/deliveries/discard", { deliveries: [first, second], why: "old" })).json,
    ).toMatchObject({ deliveries: [{ delivery: second, tag: "v2" }] });
    expect((yield* post(ask, "/api/v1/deliveries/discard")).status).toBe(400); // all of them, by mistake
    const states = (yield* ask("/api/v1/deliveries")).json as { deliveries: ReadonlyArray<object> };
    expect(states.deliveries).toMatchObject([{ state: "pending" }, { state: "idle" }, { state: "parked" }]);
    expect(yield* told("DeliveryRetried", "DeliveryDiscarded")).toMatchObject([
      { type: "retried", data: { tag: "v1" } },
      { type: "discarded", data: { tag: "v2", why: "old" } },
    ]);
  });
});

describe("a replay", () => {
  test("is asked for by position or by time, and is in the log", function* () {
    const { ask } = yield* start();
    const at = yield* append(pushed("app:v1"));
    expect((yield* post(ask, "/api/v1/replays", { target: "east", after: 0 })).json).toEqual({
      target: "east",
      after: 0,
    });
    const later = yield* post(ask, "/api/v1/replays", { target: "west", since: "2999-01-01T00:00:00Z", depth: "deep" });
    expect(later.json).toEqual({ target: "west", after: at + 1 });
    expect(yield* told("ReplayRequested")).toMatchObject([
      { data: { target: "east", after: 0, depth: "tag" } },
      { data: { target: "west", after: at + 1, depth: "deep" } },
    ]);
    for (const wrong of [{ target: "east" }, { target: "east", after: 1, since: "2026-01-01T00:00:00Z" }, { after: 1 }])
      expect((yield* post(ask, "/api/v1/replays", wrong)).status).toBe(400);
  });
});

describe("what is refused changes nothing", () => {
  const ACTS = [
    ["/api/v1/targets/east/pause", {}],
    ["/api/v1/targets/east/resume", {}],
    ["/api/v1/deliveries/retry", {}],
    ["/api/v1/deliveries/discard", { target: "east" }],
    ["/api/v1/replays", { target: "east", after: 0 }],
  ] as const;
  const nothing = told("TargetPaused", "TargetResumed", "DeliveryRetried", "DeliveryDiscarded", "ReplayRequested");

  test("a viewer, nobody, and a page of another site", function* () {
    const { ask } = yield* start({ tokens });
    yield* seed({ stuck: ["app:v1"] });
    const viewer = { authorization: `Bearer ${TOKEN}` };
    const operator = { authorization: `Bearer ${OPERATOR_TOKEN}` };
    for (const [path, body] of ACTS) {
      expect((yield* post(ask, path, body)).status).toBe(401);
      expect((yield* post(ask, path, body, viewer)).status).toBe(403);
      expect((yield* post(ask, path, body, { ...operator, origin: "https://evil.example.com" })).status).toBe(403);
      expect((yield* post(ask, path, body, { ...operator, "content-type": "text/plain" })).status).toBe(415);
    }
    expect(yield* nothing).toEqual([]);
    for (const [path, body] of ACTS) expect((yield* post(ask, path, body, operator)).status).toBe(200);
    expect((yield* nothing).map(({ type, actor }) => `${type} ${actor}`)).toEqual([
      "paused user:ops",
      "resumed user:ops",
      "retried user:ops",
      "requested user:ops",
    ]);
  });

  test("a target that no route has, a body that is none, and one without end", function* () {
    const { ask } = yield* start();
    for (const [path, body] of ACTS) {
      const other = path.replace("east", "nowhere");
      if (other !== path || "target" in body) {
        const answer = yield* post(ask, other, "target" in body ? { ...body, target: "nowhere" } : body);
        expect(answer).toMatchObject({ status: 404, json: { detail: "no route has the target nowhere" } });
      }
      for (const wrong of ["", "{", "[]", { other: 1 }, { why: "" }, { why: "a\u0000b" }])
        expect((yield* post(ask, path, wrong)).status).toBe(400);
      expect((yield* post(ask, path, { why: "x".repeat(70_000) })).status).toBe(413);
      expect(yield* ask(path)).toMatchObject({ status: 405, headers: { allow: "POST" } });
    }
    expect(yield* nothing).toEqual([]);
  });
});
