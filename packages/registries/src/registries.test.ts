import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArtifactoryRegistryConfig, type OciRegistryConfig, REGISTRY_TYPES } from "@drayage/config";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as TestClock from "effect/testing/TestClock";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authOf } from "./auth.ts";
import { adapterTraits } from "./by-type.ts";
import { openRegistries, traitsOf } from "./registries.ts";

const registry = (name: string, more: Partial<OciRegistryConfig> = {}): OciRegistryConfig => ({
  name,
  type: "oci",
  url: new URL("http://127.0.0.1:1"),
  auth: [],
  notifications: { scheme: "shared-secret", secrets: [] },
  traits: {},
  network: {},
  ...more,
});
const artifactory = (name: string): ArtifactoryRegistryConfig => ({
  ...registry(name),
  type: "artifactory",
  access: "repository-path",
});

describe("registries of a configuration", () => {
  it("each is connected once, by the adapter of its type, with the traits that the configuration says", async () => {
    const config = {
      registries: {
        lab: registry("lab", { traits: { concurrency: 3, bandwidth: 1_000_000 } }),
        art: artifactory("art"),
      },
    };
    const [lab, again, art] = await Effect.runPromise(
      openRegistries(config).pipe(
        Effect.flatMap((open) => Effect.all([open.get("lab"), open.get("lab"), open.get("art")], { concurrency: 3 })),
        Effect.scoped,
      ),
    );
    expect(lab).toBe(again);
    expect(lab).toMatchObject({
      name: "lab",
      traits: { concurrency: 3, bandwidth: 1_000_000, tagDelete: "probe", upload: "put" },
    });
    expect(art).toMatchObject({ name: "art", traits: { repositoryKey: true, upload: "patch" } });
    expect(traitsOf(config.registries.lab)).toEqual(lab.traits);
  });

  it("what the configuration believes of a type is what its adapter says", () => {
    const types = Object.entries(REGISTRY_TYPES) as ReadonlyArray<
      readonly [keyof typeof REGISTRY_TYPES, { readonly repositoryKey: boolean }]
    >;
    for (const [type, { repositoryKey }] of types) expect(adapterTraits(type)).toMatchObject({ repositoryKey });
  });

  it("a certificate that cannot be read is an error of that registry, and names the key", async () => {
    const config = { registries: { lab: registry("lab", { network: { tls: { ca: "/nowhere/ca.pem" } } }) } };
    const error = await Effect.runPromise(
      Effect.scoped(Effect.flip(Effect.flatMap(openRegistries(config), (open) => open.get("lab")))),
    );
    expect(error.message).toMatch(/^registry lab cannot be opened: registries\.lab\.tls: ENOENT.*ca\.pem/);
  });

  it.each(["nobody", "__proto__", "constructor"])("%s is not configured, and the error says what is", async (name) => {
    const result = await Effect.runPromise(
      openRegistries({ registries: { lab: registry("lab") } }).pipe(
        Effect.flatMap((open) => open.get(name)),
        Effect.scoped,
        Effect.flip,
      ),
    );
    expect(result.message).toBe(`registry ${name} is not configured; there is lab (registries in drayage.yaml)`);
  });

  it("connections end with the scope", async () => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const [repository, tag] = [parseRepositoryName("a"), parseTag("b")];
    if (repository === undefined || tag === undefined) throw new Error("a test needs names");
    await Effect.runPromise(
      openRegistries({ registries: { lab: registry("lab", { url }) } }).pipe(
        Effect.flatMap((open) => open.get("lab")),
        Effect.flatMap((lab) => lab.resolve(repository, tag)),
        Effect.scoped,
      ),
    );
    // Would wait for the kept-alive connection otherwise.
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
});

describe("auth: docker-config", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "drayage-docker-config-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("reads what docker login kept, asks again after a minute, and is an error of that registry alone", async () => {
    const path = join(folder, "config.json");
    const write = (document: object): void => writeFileSync(path, JSON.stringify(document));
    const login = (password: string) => ({
      auths: { "127.0.0.1:1": { auth: Buffer.from(`me:${password}`).toString("base64") } },
    });
    const settings = registry("lab", { auth: "docker-config" });
    const seen = await Effect.runPromise(
      Effect.gen(function* () {
        const auth = yield* authOf(settings, { path, env: { PATH: folder } });
        if (!Effect.isEffect(auth)) return [];
        write(login("one"));
        const first = yield* auth;
        write(login("two"));
        const kept = yield* auth;
        yield* TestClock.adjust("61 seconds");
        const second = yield* auth;
        write({ credsStore: "absent" });
        yield* TestClock.adjust("61 seconds");
        const failed = yield* Effect.flip(auth);
        return [passwordOf(first), passwordOf(kept), passwordOf(second), failed];
      }).pipe(Effect.provide(TestClock.layer())),
    );
    expect(seen.slice(0, 3)).toEqual(["one", "one", "two"]);
    expect(seen[3]).toMatchObject({ _tag: "RegistryError", registry: "lab", reason: "unauthorized" });
  });

  it("what is configured is taken as it is", async () => {
    const auth = [{ _tag: "Anonymous" }] as const;
    expect(await Effect.runPromise(authOf(registry("lab", { auth })))).toBe(auth);
  });
});

const passwordOf = (
  auth: ReadonlyArray<{ readonly _tag: string; readonly password?: Redacted.Redacted<string> }>,
): string | undefined => {
  const password = auth[0]?.password;
  return password === undefined ? undefined : Redacted.value(password);
};
