import { type Artifactory, startArtifactory } from "@drayage/artifactory-adapter/testing";
import { multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, openSkopeo, type Skopeo } from "./skopeo.test-support.ts";

const NAME = "docker-local/team/app";

describe("skopeo and Artifactory", () => {
  const scope = Scope.makeUnsafe();
  const top = multiPlatform({ seed: "skopeo" });
  let artifactory: Artifactory;
  let skopeo: Skopeo;
  let layout: string;

  const at = (image: string): string => `docker://${artifactory.registry.host}/${image}`;
  const copyIn = (to: string) => skopeo.run("copy", "--all", "--quiet", "--dest-tls-verify=false", layout, at(to));

  beforeAll(async () => {
    const keys = {
      "docker-local": { kind: "local" },
      prod: { kind: "local" },
      hub: { kind: "remote" },
      docker: { kind: "virtual", members: ["docker-local", "prod"], deployTo: "prod" },
    } as const;
    artifactory = await Effect.runPromise(Scope.provide(startArtifactory({ keys }), scope));
    const { authorization, registry } = artifactory;
    skopeo = await openSkopeo({ [registry.host]: authorization.slice("Basic ".length) });
    layout = `oci:${skopeo.folder}/layout:v1`;
    await Effect.runPromise(pushImage(registry.url, NAME, "v1", top, { authorization }));
    await skopeo.run("copy", "--all", "--quiet", "--src-tls-verify=false", at(`${NAME}:v1`), layout);
  });
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await skopeo.close();
  });

  it("an image goes out and in again with its digests, and is listed and inspected", async () => {
    const { registry } = artifactory;
    await copyIn("prod/team/copy:v1");
    expect(registry.manifest("prod/team/copy", "v1")?.digest).toBe(top.digest);
    expect(registry.manifests("prod/team/copy")).toEqual(registry.manifests(NAME));
    expect(registry.danglingReferences()).toEqual([]);
    const copy = at("prod/team/copy");
    expect(digestOf(await skopeo.run("inspect", "--raw", "--tls-verify=false", `${copy}:v1`))).toBe(top.digest);
    expect(JSON.parse(await skopeo.run("inspect", "--tls-verify=false", `${copy}:v1`))).toMatchObject({
      Digest: top.digest,
      RepoTags: ["v1"],
    });
    expect(JSON.parse(await skopeo.run("list-tags", "--tls-verify=false", copy))).toMatchObject({ Tags: ["v1"] });
  });

  it("a virtual key gives what its members hold, and puts what it gets where it deploys to", async () => {
    const raw = await skopeo.run("inspect", "--raw", "--tls-verify=false", at("docker/team/app:v1"));
    expect(digestOf(raw)).toBe(top.digest);
    await copyIn("docker/team/through:v1");
    expect(artifactory.registry.manifest("prod/team/through", "v1")?.digest).toBe(top.digest);
  });

  it("a remote key takes nothing", async () => {
    await expect(copyIn("hub/team/app:v1")).rejects.toThrow(/400|not possible/i);
  });
});
