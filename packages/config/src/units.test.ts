import { describe, expect, it } from "vitest";
import { nearest } from "./nearest.ts";
import { isLoopbackHost, parseDuration, parseRate } from "./units.ts";

describe("durations", () => {
  it.each([
    ["0s", 0],
    ["500ms", 500],
    ["30s", 30_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["14d", 14 * 86_400_000],
    ["30", undefined],
    ["1.5h", undefined],
    ["-1s", undefined],
    ["1 h", undefined],
    ["1w", undefined],
    ["", undefined],
    ["9999999d", undefined],
  ])("%s", (text, ms) => expect(parseDuration(text)).toBe(ms));
});

describe("rates", () => {
  it.each([
    ["100MiB/s", 104_857_600],
    ["2.5MB/s", 2_500_000],
    ["64KiB/s", 65_536],
    ["1GB/s", 1e9],
    ["65536B/s", 65_536],
    ["63KiB/s", undefined],
    ["126GB/s", undefined],
    ["100MiB", undefined],
    ["100Mbit/s", undefined],
    ["100Mb/s", undefined],
    ["-1MiB/s", undefined],
    ["1e3MiB/s", undefined],
    ["0GiB/s", undefined],
    ["", undefined],
  ])("%s", (text, bytes) => expect(parseRate(text)).toBe(bytes));
});

describe("loopback", () => {
  it.each([
    ["127.0.0.1", true],
    ["127.9.9.9", true],
    ["localhost", true],
    ["::1", true],
    ["[::1]", true],
    ["0.0.0.0", false],
    ["::", false],
    ["127.0.0.1.example.com", false],
  ])("%s", (host, expected) => expect(isLoopbackHost(host)).toBe(expected));
});

describe("the word that was meant", () => {
  it.each([
    ["repositries", "repositories"],
    ["FROM", "from"],
    ["to", "to"],
    ["xyzxyz", undefined],
  ])("%s", (word, expected) => expect(nearest(word, ["repositories", "from", "to"])).toBe(expected));
});
