import { readFileSync } from "node:fs";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { authenticateArtifactory } from "./authenticate.ts";

const { vectors } = z
  .object({
    vectors: z.array(
      z.object({
        name: z.string(),
        secret: z.string(),
        body: z.string(),
        expected_when_signing: z.string(),
        expected_when_not_signing: z.string(),
      }),
    ),
  })
  .parse(
    JSON.parse(readFileSync(new URL("./fixtures/webhook.signature.vectors.synthesised.json", import.meta.url), "utf8")),
  );

const request = (value: string | undefined, body: string) => ({
  headers: { "x-jfrog-event-auth": value },
  body: Buffer.from(body),
});
const configured = (scheme: "shared-secret" | "hmac-sha256", ...secrets: ReadonlyArray<string>) => ({
  scheme,
  secrets: secrets.map((secret) => Redacted.make(secret)),
});

describe.each(vectors)("$name", (vector) => {
  const hmac = configured("hmac-sha256", "rotated-away", vector.secret);
  const shared = configured("shared-secret", "rotated-away", vector.secret);

  it("is accepted when signed, and when it carries the secret, each in its own mode only", () => {
    expect(authenticateArtifactory(request(vector.expected_when_signing, vector.body), hmac)).toBe(true);
    expect(authenticateArtifactory(request(vector.expected_when_not_signing, vector.body), shared)).toBe(true);
    expect(authenticateArtifactory(request(vector.expected_when_signing, vector.body), shared)).toBe(false);
    expect(authenticateArtifactory(request(vector.expected_when_not_signing, vector.body), hmac)).toBe(false);
  });

  it("is refused with one byte changed, another secret, or no header", () => {
    expect(authenticateArtifactory(request(vector.expected_when_signing, `${vector.body} `), hmac)).toBe(false);
    expect(authenticateArtifactory(request(vector.expected_when_signing, vector.body.replace(/o/, "0")), hmac)).toBe(
      false,
    );
    expect(
      authenticateArtifactory(request(vector.expected_when_signing, vector.body), configured("hmac-sha256", "other")),
    ).toBe(false);
    expect(authenticateArtifactory(request(undefined, vector.body), hmac)).toBe(false);
    expect(authenticateArtifactory(request(undefined, vector.body), shared)).toBe(false);
  });
});
