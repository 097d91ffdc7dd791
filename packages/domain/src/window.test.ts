import { describe, expect, it } from "vitest";
import { isWithin, parseWindow, windowText } from "./window.ts";

const at = (time: string) => new Date(`2026-01-15T${time}:00Z`);
const window = (text: string, zone = "UTC") => {
  const parsed = parseWindow(text, zone);
  if (parsed === undefined) throw new TypeError(`not a window: ${text}`);
  return parsed;
};

describe("a window", () => {
  it("of one day has its beginning inside and its end outside", () => {
    const day = window("9:00-17:30");
    expect(["08:59", "09:00", "17:29", "17:30"].map((time) => isWithin(day, at(time)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
  it("may go over midnight", () => {
    const night = window("20:00-06:00");
    expect(["19:59", "20:00", "23:59", "00:00", "05:59", "06:00"].map((time) => isWithin(night, at(time)))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
  });
  it("is of its zone, in summer too", () => {
    const night = window("20:00-06:00", "Europe/Berlin");
    expect(isWithin(night, at("19:00"))).toBe(true);
    expect(isWithin(night, new Date("2026-07-15T18:00:00Z"))).toBe(true);
    expect(isWithin(night, at("18:59"))).toBe(false);
    expect(isWithin({ ...night, zone: "Nowhere/At-All" }, at("20:00"))).toBe(true); // as UTC
  });
  it("is written as it is read", () => {
    expect(windowText(window("9:05-24:00", "Asia/Kolkata"))).toBe("09:05-24:00 Asia/Kolkata");
  });
  it.each(["", "20:00", "20-6", "25:00-06:00", "20:60-06:00", "20:00-20:00", "24:01-05:00", " 20:00-06:00"])(
    "%j is none",
    (text) => expect(parseWindow(text, "UTC")).toBeUndefined(),
  );
  it("of a zone that there is not is none", () => {
    expect(parseWindow("20:00-06:00", "Nowhere/At-All")).toBeUndefined();
  });
});
