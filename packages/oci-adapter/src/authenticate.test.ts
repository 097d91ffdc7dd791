import * as Redacted from "effect/Redacted";
import { expect, it } from "vitest";
import { authenticateDistribution } from "./authenticate.ts";

const secrets = {
  scheme: "shared-secret",
  secrets: ["old one", "s3cret:x"].map((secret) => Redacted.make(secret)),
} as const;
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

it.each([
  ["s3cret:x", true],
  ["old one", true],
  ["Bearer s3cret:x", true],
  ["bearer old one", true],
  [basic("anybody:s3cret:x"), true],
  [basic("anybody:old one"), true],
  ["s3cret:y", false],
  ["Bearer s3cret", false],
  ["Bearer ", false],
  ["Basic !!!", false],
  [basic("s3cret:x"), false],
  [basic("no-colon"), false],
  ["", false],
  [undefined, false],
])("Authorization: %s is %s", (authorization, expected) =>
  expect(authenticateDistribution({ headers: { authorization }, body: Buffer.from("{}") }, secrets)).toBe(expected),
);

it("a secret in another header or a signature is no proof", () => {
  const request = { headers: { "x-secret": "s3cret:x" }, body: Buffer.from("{}") };
  expect(authenticateDistribution(request, secrets)).toBe(false);
  const hmac = { ...secrets, scheme: "hmac-sha256" } as const;
  expect(authenticateDistribution({ ...request, headers: { authorization: "s3cret:x" } }, hmac)).toBe(false);
});
