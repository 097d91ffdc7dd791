import { createHmac } from "node:crypto";
import * as Redacted from "effect/Redacted";
import { expect, it } from "vitest";
import { knowsSecret, signedWithSecret } from "./secret.ts";

const secrets = (...all: ReadonlyArray<string>) => all.map((secret) => Redacted.make(secret));
const sign = (secret: string, text: string) => createHmac("sha256", secret).update(text).digest("hex");
const body = Buffer.from('{"a":"é"}');

it("any of several secrets is known, for rotation", () => {
  expect(knowsSecret("new", secrets("old", "new"))).toBe(true);
  expect(knowsSecret("old", secrets("old", "new"))).toBe(true);
  expect(knowsSecret("other", secrets("old", "new"))).toBe(false);
});

it("nothing is not a secret, and no secrets are known by nobody", () => {
  expect(knowsSecret("", secrets(""))).toBe(false);
  expect(knowsSecret(undefined, secrets("a"))).toBe(false);
  expect(knowsSecret("a", [])).toBe(false);
  expect(signedWithSecret(sign("", '{"a":"é"}'), body, secrets(""))).toBe(false);
});

it("a signature is over the raw bytes, in lower-case hex", () => {
  const given = sign("new", '{"a":"é"}');
  expect(signedWithSecret(given, body, secrets("old", "new"))).toBe(true);
  expect(signedWithSecret(given.toUpperCase(), body, secrets("new"))).toBe(false);
  expect(signedWithSecret(`sha256=${given}`, body, secrets("new"))).toBe(false);
  expect(signedWithSecret(given, Buffer.from('{"a":"e"}'), secrets("new"))).toBe(false);
  expect(signedWithSecret("new", body, secrets("new"))).toBe(false);
  expect(signedWithSecret(undefined, body, secrets("new"))).toBe(false);
});
