import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ociAdapter } from "@drayage/oci-adapter";
import { registryContract } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { afterAll, beforeAll, describe, it } from "vitest";
import { findTools } from "../tools/find-tools.ts";
import { startDockerRegistry } from "./harness/registry.ts";

/** The same suite as every adapter's, on a real server: what a personality pretends is true of one registry at least. */
registryContract({ describe, it, beforeAll, afterAll }, "oci adapter on docker-registry", () =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "drayage-contract-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
    );
    const server = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const { dockerRegistry: command } = await findTools();
        return startDockerRegistry({ name: "registry", command, folder });
      }),
      (running) => Effect.promise(() => running.stop("SIGKILL")),
    );
    const registry = yield* ociAdapter.connect(
      // 2.8 deletes by digest alone, which the suite has to know beforehand.
      { name: "registry", url: new URL(server.url), auth: [], traits: { tagDelete: "digest" } },
      { secrets: { scheme: "shared-secret", secrets: [] } },
    );
    return { registry, url: server.url, capabilities: { referrersApi: false, mounts: true, catalog: true } };
  }),
);
