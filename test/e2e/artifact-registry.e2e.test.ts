import { type ArtifactRegistryServer, startArtifactRegistry } from "@drayage/ar-adapter/testing";
import { multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, openSkopeo, type Skopeo } from "./skopeo.test-support.ts";

describe("skopeo and Artifact Registry", () => {
  const scope = Scope.makeUnsafe();
  let server: ArtifactRegistryServer;
  let skopeo: Skopeo;

  beforeAll(async () => {
    server = await Effect.runPromise(Scope.provide(startArtifactRegistry(), scope));
    const login = Buffer.from(`oauth2accesstoken:${server.accessToken}`).toString("base64");
    skopeo = await openSkopeo({ [server.host]: login });
  });
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await skopeo.close();
  });

  it("an image goes out and in again with its digests, and is listed and inspected", async () => {
    await Effect.runPromise(
      pushImage(server.url, `${server.project}/images/team/app`, "v1", multiPlatform({ seed: "skopeo" }), {
        authorization: `Bearer ${server.accessToken}`,
      }),
    );
    const source = `docker://${server.host}/${server.project}/images/team/app`;
    const copy = `docker://${server.host}/${server.project}/images/copy`;
    const layout = `oci:${skopeo.folder}/layout:v1`;
    await skopeo.run("copy", "--all", "--quiet", "--src-tls-verify=false", `${source}:v1`, layout);
    await skopeo.run("copy", "--all", "--quiet", "--dest-tls-verify=false", layout, `${copy}:v1`);

    const held = server.manifest(`${server.project}/images/team/app`, "v1")?.digest;
    expect(held).toBeDefined();
    expect(server.manifest(`${server.project}/images/copy`, "v1")?.digest).toBe(held);
    expect(server.manifests(`${server.project}/images/copy`)).toEqual(
      server.manifests(`${server.project}/images/team/app`),
    );
    expect(server.danglingReferences()).toEqual([]);
    expect(digestOf(await skopeo.run("inspect", "--raw", "--tls-verify=false", `${copy}:v1`))).toBe(held);
    const listed = JSON.parse(await skopeo.run("list-tags", "--tls-verify=false", copy)) as { readonly Tags: unknown };
    expect(listed.Tags).toEqual(["v1"]);
  });

  it("a repository that does not exist is refused", async () => {
    const layout = `oci:${skopeo.folder}/layout:v1`;
    const elsewhere = `docker://${server.host}/${server.project}/missing/app:v1`;
    await expect(skopeo.run("copy", "--all", "--quiet", "--dest-tls-verify=false", layout, elsewhere)).rejects.toThrow(
      /403|denied/i,
    );
  });
});
