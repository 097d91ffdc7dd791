import { expect, test } from "vitest";
import { isLoopback } from "./loopback.ts";

test.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["::ffff:10.0.0.1", false],
  ["::1%lo", true],
  ["10.0.0.1", false],
  ["0.0.0.0", false],
  ["::", false],
  ["fe80::1%eth0", false],
  ["localhost", false],
  ["", false],
  [undefined, false],
])("%s is loopback: %s", (address, expected) => expect(isLoopback(address)).toBe(expected));
