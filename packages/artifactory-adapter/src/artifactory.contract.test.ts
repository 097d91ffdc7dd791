import { registryContract } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Access } from "./access.ts";
import { connectTo, namedHost } from "./connect.test-support.ts";
import type { KeyKind } from "./sources.ts";
import { type ArtifactoryPersonality, startArtifactory } from "./testing/index.ts";

const runner = { describe, it, beforeAll, afterAll };

const contract = (
  name: string,
  options: {
    readonly access?: Access;
    readonly host?: string;
    readonly repositories?: Readonly<Record<string, KeyKind>>;
    readonly personality?: ArtifactoryPersonality;
  } = {},
): void =>
  registryContract(runner, `Artifactory, ${name}`, () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory({ keys: { contract: { kind: "local" } }, ...options.personality });
      const { access = "repository-path", repositories, host } = options;
      // What the server does; left alone, it is tried out.
      const traits = { tagDelete: "tag" } as const;
      const settings = { ...(host === undefined ? {} : namedHost(artifactory, host)), traits };
      return {
        registry: yield* connectTo(artifactory, { access, repositories }, settings),
        url: artifactory.registry.url.href,
        authorization: artifactory.authorization,
        capabilities: {
          referrersApi: options.personality?.referrers ?? true,
          // Blobs of one key are found from every image of it, so nothing needs to be mounted.
          mounts: false,
          catalog: true,
        },
      };
    }),
  );

contract("by repository path");
contract("by the direct API", { access: "direct" });
contract("by subdomain", { access: "subdomain", host: "art.test" });
contract("by the hyphen form of the cloud", { access: "hyphen", host: "acme.art.test" });
contract("blobs from a storage host", { personality: { redirectBlobs: true } });
contract("an old version: no tags deleted by the registry API, no referrers", {
  personality: { tagDeletion: false, referrers: false },
});
contract("a virtual key in front", {
  repositories: { contract: { _tag: "Virtual", members: ["held", "other"] } },
  personality: {
    keys: {
      contract: { kind: "virtual", members: ["held", "other"], deployTo: "held" },
      held: { kind: "local" },
      other: { kind: "local" },
    },
  },
});
