import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { APPEND_EVENTS_MAX, checkEvent, checkEvents, EVENT_BYTES_MAX } from "./check-event.ts";
import { EventInvalid } from "./errors.ts";
import { newEventId } from "./event-id.ts";
import type { JsonObject, NewEvent } from "./model.ts";

const event = (data: JsonObject, more: Partial<NewEvent> = {}): NewEvent => ({ type: "t", source: "s", data, ...more });

describe("an event is refused", () => {
  const bad: ReadonlyArray<readonly [string, NewEvent]> = [
    ["U+0000 in data", event({ a: "x\u0000y" })],
    ["U+0000 in a key", event({ "a\u0000": 1 })],
    ["half a surrogate pair", event({ a: "\ud83d" })],
    ["a backslash before U+0000", event({ a: "\\\u0000" })],
    ["U+0000 in a text", event({}, { subject: "a\u0000" })],
    ["no type", event({}, { type: "" })],
    ["a date that is none", event({}, { time: new Date("no") })],
    ["a year of five digits", event({}, { time: new Date("+010000-01-01T00:00:00Z") })],
    ["a year before the first", event({}, { time: new Date("-000001-01-01T00:00:00Z") })],
    ["too much data", event({ a: "x".repeat(EVENT_BYTES_MAX) })],
  ];
  it.each(bad)("%s", (_, one) => {
    expect(checkEvent(one)).toBeInstanceOf(EventInvalid);
  });
  it("too many in one call", () => {
    expect(checkEvents(Array.from({ length: APPEND_EVENTS_MAX + 1 }, () => event({})))).toBeInstanceOf(EventInvalid);
  });
});

describe("an event is taken", () => {
  it.each([
    ["text that only looks like an escape", event({ a: "\\u0000", b: "\\\\u0000", c: "\\ud83d" })],
    ["a whole surrogate pair", event({ a: "🚚" })],
    ["control characters", event({ a: "\u0001\n\t" })],
  ])("%s", (_, one) => {
    expect(checkEvent(one)).toMatchObject({ json: JSON.stringify(one.data) });
  });
  it("exactly when the database can hold its text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", "\u0000", "\ud800", "\\", "\\u0000"), (a, b) => {
        const text = a + b + a;
        const storable = text.isWellFormed() && !text.includes("\u0000");
        expect(checkEvent(event({ text })) instanceof EventInvalid).toBe(!storable);
      }),
    );
  });
});

it("ids are UUIDs of version 7 and grow with time", () => {
  const ids = Array.from({ length: 1000 }, newEventId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Math.abs(Number.parseInt(ids[0]?.replace("-", "").slice(0, 12) ?? "", 16) - Date.now())).toBeLessThan(60_000);
});
