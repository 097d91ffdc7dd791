import { createHmac } from "node:crypto";
import type { RegistrySettings } from "@drayage/oci-core";
import { parseRepositoryName } from "@drayage/oci-core/model";
import { registryContract } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AcmeOptions, acmeAdapter } from "./acme-adapter/adapter.ts";
import { startAcme } from "./acme-adapter/personality.ts";

const SECRET = "a-secret-from-a-generator";
const options: AcmeOptions = {
  secrets: { scheme: "hmac-sha256", secrets: [Redacted.make(SECRET)] },
  createRepositories: true,
};
const settings = (url: URL): RegistrySettings => ({ name: "acme", url, auth: [], traits: {} });

registryContract({ describe, it, beforeAll, afterAll }, "acme", () =>
  Effect.gen(function* () {
    // The suite pushes over plain HTTP too, where nobody makes repositories.
    const acme = yield* startAcme({ isEveryRepositoryMade: true });
    const registry = yield* acmeAdapter.connect(settings(acme.url), options);
    return { registry, url: acme.url.href, capabilities: { referrersApi: true, mounts: false, catalog: true } };
  }),
);

describe("the adapter of the guide", () => {
  const repository = parseRepositoryName("team/web");
  if (repository === undefined) throw new Error("a name");

  it.each([true, false])("makes a missing repository where that is configured: %s", async (createRepositories) => {
    const outcome = await Effect.runPromise(
      Effect.gen(function* () {
        const acme = yield* startAcme();
        const registry = yield* acmeAdapter.connect(settings(acme.url), { ...options, createRepositories });
        const upload = yield* Effect.match(registry.startUpload(repository), {
          onSuccess: ({ _tag }) => _tag,
          onFailure: ({ reason }) => reason,
        });
        return [upload, acme.made.has(repository)];
      }).pipe(Effect.scoped),
    );
    expect(outcome).toEqual(createRepositories ? ["Opened", true] : ["repository-unknown", false]);
  });

  it("reads its webhooks, and believes signatures of the raw body only", async () => {
    const reader = acmeAdapter.notifications(options);
    const body = Buffer.from('{"action":"push","repository":"team/web","tag":"1.0","url":"https://elsewhere.example"}');
    const signed = createHmac("sha256", SECRET).update(body).digest("hex");
    expect(reader.proof).toBe("by-body");
    expect(await reader.authenticate({ headers: { "x-acme-signature": signed }, body })).toBe(true);
    expect(await reader.authenticate({ headers: { "x-acme-signature": "0".repeat(64) }, body })).toBe(false);
    expect(reader.parse({ headers: {}, body })).toMatchObject({
      notifications: [{ _tag: "Pushed", repository: "team/web", tag: "1.0" }],
    });
    expect(reader.parse({ headers: {}, body: Buffer.from("{}") })._tag).toBe("Unparseable");
    const scan = Buffer.from('{"action":"scan","repository":"team/web"}');
    expect(reader.parse({ headers: {}, body: scan })).toMatchObject({
      notifications: [],
      ignored: ["scan of team/web"],
    });
  });

  it("adds a check of its own to dray doctor", async () => {
    const findings = await Effect.runPromise(
      Effect.gen(function* () {
        const acme = yield* startAcme({ quotaLeftBytes: 1024 ** 3 });
        const { powers } = yield* acmeAdapter.connect(settings(acme.url), options);
        const use = { isSource: false, isTarget: true, reads: [], writes: [] };
        return yield* powers.examine?.(use) ?? Effect.succeed([]);
      }).pipe(Effect.scoped),
    );
    expect(findings).toMatchObject([{ severity: "warning", what: "the account has 1 GiB left" }]);
  });
});
