import type { ContractSubject } from "@drayage/oci-core/testing";
import { registryContract } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { afterAll, beforeAll, describe, it } from "vitest";
import { connectTo } from "./connect.test-support.ts";
import { startArtifactRegistry } from "./testing/index.ts";

const runner = { describe, it, beforeAll, afterAll };

registryContract(runner, "Artifact Registry", () =>
  Effect.gen(function* () {
    const server = yield* startArtifactRegistry({ repositories: ["contract"] });
    const registry = yield* connectTo(server);
    const subject: ContractSubject = {
      registry,
      url: server.url.href,
      authorization: `Bearer ${server.accessToken}`,
      plainName: (repository) => `${server.project}/${repository}`,
      capabilities: { referrersApi: true, mounts: false, catalog: true },
    };
    return subject;
  }),
);
