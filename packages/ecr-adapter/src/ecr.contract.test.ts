import { registryContract } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { afterAll, beforeAll, describe, it } from "vitest";
import { connected, withAwsCredentials } from "./ecr.test-support.ts";

withAwsCredentials();

for (const blobMounting of [true, false])
  registryContract({ describe, it, beforeAll, afterAll }, `ECR, blob mounting ${blobMounting ? "on" : "off"}`, () =>
    Effect.map(
      // What the suite pushes over plain HTTP must find its repositories: a creation template makes them.
      connected({ createOnPush: true, blobMounting }),
      ({ ecr, registry }) => ({
        registry,
        url: ecr.registry.url.href,
        authorization: ecr.authorization,
        capabilities: { referrersApi: true, mounts: blobMounting, catalog: true },
      }),
    ),
  );

registryContract({ describe, it, beforeAll, afterAll }, "ECR Public", () =>
  Effect.map(
    connected({ createOnPush: true, publicAlias: "contract" }, { isPublic: true, region: "us-east-1" }),
    ({ ecr, registry }) => ({
      registry,
      url: ecr.registry.url.href,
      authorization: ecr.authorization,
      capabilities: { referrersApi: true, mounts: false, catalog: true },
    }),
  ),
);
