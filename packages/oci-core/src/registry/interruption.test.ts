import { expect, it } from "vitest";
import { Interruption, platformSignal } from "./interruption.ts";

it("calls each listener once, and none that was taken away or came too late", () => {
  const interruption = new Interruption();
  const called: string[] = [];
  const gone = (): void => void called.push("gone");
  interruption.addEventListener("abort", () => void called.push("first"));
  interruption.addEventListener("abort", gone);
  interruption.removeEventListener("abort", gone);
  expect(interruption.aborted).toBe(false);
  interruption.abort();
  interruption.abort();
  interruption.addEventListener("abort", () => void called.push("late"));
  expect([interruption.aborted, called]).toEqual([true, ["first"]]);
});

it("is followed by a signal of the platform, before and after", () => {
  const interruption = new Interruption();
  const before = platformSignal(interruption);
  expect(before.aborted).toBe(false);
  interruption.abort();
  expect([before.aborted, platformSignal(interruption).aborted]).toEqual([true, true]);
  expect(platformSignal(before)).toBe(before);
});
