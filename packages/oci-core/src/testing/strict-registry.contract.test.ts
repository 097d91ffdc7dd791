import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { RegistryAuth } from "../registry/adapter.ts";
import { connectRegistry } from "../registry/client.ts";
import { type RegistryTraits, STANDARD_TRAITS } from "../registry/traits.ts";
import { registryContract } from "./registry-contract.ts";
import { type StrictRegistryOptions, startStrictRegistry } from "./strict-registry.ts";

const runner = { describe, it, beforeAll, afterAll };
const USER = { name: "robot", password: "secret" };
const CREDENTIALS: RegistryAuth = { _tag: "Basic", username: USER.name, password: Redacted.make(USER.password) };
const BASIC = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString("base64")}`;

/** Our client on the strict registry with one set of rules, and the traits that fit them. */
const onStrictRegistry = (
  name: string,
  options: StrictRegistryOptions,
  traits: Partial<RegistryTraits>,
  auth: ReadonlyArray<RegistryAuth> = [],
): void =>
  registryContract(runner, name, () =>
    Effect.gen(function* () {
      const server = yield* startStrictRegistry(options);
      const registry = yield* connectRegistry({
        name: "strict",
        url: server.url,
        auth,
        traits: { ...STANDARD_TRAITS, ...traits },
      });
      const { referrers, mount, catalog } = server.rules();
      const capabilities = { referrersApi: referrers === "api", mounts: mount === "honoured", catalog };
      const authorization = { Anonymous: undefined, Basic: BASIC, Token: `Bearer ${server.masterToken()}` }[
        server.rules().auth._tag
      ];
      return { registry, url: server.url.href, authorization, capabilities };
    }),
  );

onStrictRegistry("strict, everything that the specification has", { referrersPageSize: 1 }, { tagPageSize: 10 });

onStrictRegistry(
  "strict, as an old registry",
  {
    tagDelete: "digest",
    referrers: "none",
    locations: "relative",
    redirectBlobs: true,
    mount: "refused",
    catalog: false,
    patches: "refuse",
    listPageMax: 7,
  },
  { tagDelete: "digest", upload: "patch", presence: "head" },
);

onStrictRegistry(
  "strict, with passwords and no deletion",
  { auth: { _tag: "Basic", users: [USER] }, tagDelete: "none" },
  { tagDelete: "none" },
  [CREDENTIALS],
);

onStrictRegistry(
  "strict, with tokens and blobs on another host",
  { auth: { _tag: "Token", users: [USER] }, redirectBlobs: true },
  {},
  [{ _tag: "Basic", username: USER.name, password: Redacted.make("the old password") }, CREDENTIALS],
);
