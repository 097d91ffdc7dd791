import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushProof } from "./oidc.ts";

const AUDIENCE = "https://drayage.example.com/notifications/eu";
const ACCOUNT = "push@acme.iam.gserviceaccount.com";
const ours = generateKeyPairSync("rsa", { modulusLength: 2048 });
const others = generateKeyPairSync("rsa", { modulusLength: 2048 });
let server: Server;
let keys: URL;
let asked = 0;

beforeAll(async () => {
  const pem = ours.publicKey.export({ type: "spki", format: "pem" });
  server = createServer((_request, response) => {
    asked += 1;
    response.setHeader("content-type", "application/json");
    response.setHeader("cache-control", "max-age=3600");
    response.end(JSON.stringify({ key: pem }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  keys = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = (changes: object = {}) => {
  const now = Math.floor(Date.now() / 1000);
  return {
    aud: AUDIENCE,
    azp: "1",
    email: ACCOUNT,
    email_verified: true,
    exp: now + 3600,
    iat: now,
    iss: "https://accounts.google.com",
    sub: "1",
    ...changes,
  };
};
const signed = (payload: object, key: KeyObject = ours.privateKey): string => {
  const text = `${base64({ alg: "RS256", kid: "key", typ: "JWT" })}.${base64(payload)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key, "base64url")}`;
};
const proves = (authorization: string | undefined): Promise<boolean> =>
  pushProof({ audience: AUDIENCE, serviceAccount: ACCOUNT, keys })({ headers: { authorization }, body: Buffer.of() });

describe("a push of Pub/Sub", () => {
  it("is believed with a token for us, of the account that pushes", async () => {
    expect(await proves(`Bearer ${signed(claims())}`)).toBe(true);
  });
  it.each([
    ["for another audience", claims({ aud: "https://other.example.com" })],
    ["of another account", claims({ email: "mallory@gmail.com" })],
    ["of an address that was not verified", claims({ email_verified: false })],
    ["of another issuer", claims({ iss: "https://accounts.example.com" })],
    ["that ran out", claims({ iat: 1_600_000_000, exp: 1_600_003_600 })],
  ])("is not believed with a token %s", async (_what, payload) => {
    expect(await proves(`Bearer ${signed(payload)}`)).toBe(false);
  });
  it("is not believed with another's signature, without one, or without a token", async () => {
    expect(await proves(`Bearer ${signed(claims(), others.privateKey)}`)).toBe(false);
    expect(await proves(`Bearer ${base64({ alg: "none", kid: "key" })}.${base64(claims())}.`)).toBe(false);
    expect(await proves("Bearer nonsense")).toBe(false);
    expect(await proves(undefined)).toBe(false);
  });
  it("is not believed while no keys can be had", async () => {
    const nowhere = new URL("http://127.0.0.1:9/certs");
    const proof = pushProof({ audience: AUDIENCE, serviceAccount: ACCOUNT, keys: nowhere });
    expect(await proof({ headers: { authorization: `Bearer ${signed(claims())}` }, body: Buffer.of() })).toBe(false);
  });
  it("asks for keys once, however many pushes come", async () => {
    const proof = pushProof({ audience: AUDIENCE, serviceAccount: ACCOUNT, keys });
    const before = asked;
    for (let n = 0; n < 3; n++)
      await proof({ headers: { authorization: `Bearer ${signed(claims())}` }, body: Buffer.of() });
    expect(asked - before).toBe(1);
  });
});
