import { readFileSync } from "node:fs";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import { authenticate } from "./authenticate.ts";

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
  expect(authenticate({ headers: { authorization }, body: Buffer.from("{}") }, secrets)).toBe(expected),
);

it.each([
  ["s3cret:x", true],
  ["old one", true],
  ["s3cret:y", false],
  ["", false],
  [undefined, false],
])("?secret=%s is %s", (addressSecret, expected) => {
  const request = { headers: {}, body: Buffer.from("{}"), addressSecret };
  expect(authenticate(request, secrets)).toBe(expected);
  expect(authenticate(request, { ...secrets, scheme: "hmac-sha256" })).toBe(false);
});

it("a secret in another header or a signature is no proof", () => {
  const request = { headers: { "x-secret": "s3cret:x" }, body: Buffer.from("{}") };
  expect(authenticate(request, secrets)).toBe(false);
  const hmac = { ...secrets, scheme: "hmac-sha256" } as const;
  expect(authenticate({ ...request, headers: { authorization: "s3cret:x" } }, hmac)).toBe(false);
});

describe("signed by GitHub", () => {
  const { publicVector, synthesisedVector } = JSON.parse(
    readFileSync(new URL("./fixtures/ghcr/delivery.headers-and-signature.vectors.json", import.meta.url), "utf8"),
  );
  const proves = (signature: string | undefined, body: string, ...known: ReadonlyArray<string>): boolean =>
    authenticate(
      { headers: { "x-hub-signature-256": signature }, body: Buffer.from(body) },
      { scheme: "hmac-sha256", secrets: known.map((secret) => Redacted.make(secret)) },
    );

  it.each([
    ["GitHub's own vector", publicVector],
    ["the vector with a whole body", synthesisedVector],
  ])("%s", (_name, { secret, body, "X-Hub-Signature-256": signature }) => {
    expect(proves(signature, body, secret)).toBe(true);
    expect(proves(signature, body, "the next one", secret)).toBe(true);
    expect(proves(signature, body, "another")).toBe(false);
    expect(proves(signature, `${body} `, secret)).toBe(false);
    expect(proves(signature.slice("sha256=".length), body, secret)).toBe(false);
    expect(proves(signature.toUpperCase(), body, secret)).toBe(false);
    expect(proves(signature.slice(0, -1), body, secret)).toBe(false);
    expect(proves("sha256=", body, secret)).toBe(false);
    expect(proves(undefined, body, secret)).toBe(false);
    expect(proves(signature, body)).toBe(false);
  });

  it("a signature is no secret, a secret no signature, and SHA-1 is not looked at", () => {
    const { secret, body, "X-Hub-Signature-256": signature } = publicVector;
    const known = [Redacted.make<string>(secret)];
    const signed = { headers: { "x-hub-signature-256": signature }, body: Buffer.from(body) };
    expect(authenticate(signed, { scheme: "shared-secret", secrets: known })).toBe(false);
    expect(proves(secret, body, secret)).toBe(false);
    const old = { headers: { "x-hub-signature": signature }, body: Buffer.from(body) };
    expect(authenticate(old, { scheme: "hmac-sha256", secrets: known })).toBe(false);
  });
});
