import type { RegistryTraits } from "@drayage/oci-core";
import { registryContract, type StrictRegistryOptions, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ociAdapter } from "./adapter.ts";

const USER = { name: "robot", password: "secret" };

/** The adapter on a registry that behaves as one kind does; traits are what `limits` of the configuration cannot say. */
const onRegistry = (name: string, options: StrictRegistryOptions, traits: Partial<RegistryTraits>): void =>
  registryContract({ describe, it, beforeAll, afterAll }, `oci adapter, ${name}`, () =>
    Effect.gen(function* () {
      const server = yield* startStrictRegistry(options);
      const { auth, referrers, mount, catalog } = server.rules();
      const registry = yield* ociAdapter.connect(
        {
          name: "lab",
          url: server.url,
          auth:
            auth._tag === "Anonymous"
              ? []
              : [{ _tag: "Basic", username: USER.name, password: Redacted.make(USER.password) }],
          traits,
        },
        { secrets: { scheme: "shared-secret", secrets: [] } },
      );
      const authorization = auth._tag === "Token" ? `Bearer ${server.masterToken()}` : undefined;
      const capabilities = { referrersApi: referrers === "api", mounts: mount === "honoured", catalog };
      return { registry, url: server.url.href, authorization, capabilities };
    }),
  );

onRegistry("all of the specification", {}, { tagDelete: "tag" });
onRegistry(
  "as docker-registry 2.8",
  { tagDelete: "digest", referrers: "none", listPageMax: 100 },
  { tagDelete: "digest" },
);
onRegistry(
  "as a hosted registry with tokens, blobs on another host and no catalogue",
  { auth: { _tag: "Token", users: [USER] }, redirectBlobs: true, catalog: false, locations: "relative" },
  { tagDelete: "tag" },
);
