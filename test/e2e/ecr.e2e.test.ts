import { type Ecr, startEcr } from "@drayage/ecr-adapter/testing";
import { image, multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, openSkopeo, type Skopeo } from "./skopeo.test-support.ts";

describe("skopeo and Amazon ECR", () => {
  const scope = Scope.makeUnsafe();
  const top = multiPlatform({ seed: "skopeo" });
  let layout: string;
  let ecr: Ecr;
  let skopeo: Skopeo;

  const at = (image: string): string => `docker://${ecr.registry.host}/${image}`;
  const copyIn = (from: string, to: string) =>
    skopeo.run("copy", "--all", "--quiet", "--dest-tls-verify=false", from, at(to));

  beforeAll(async () => {
    ecr = await Effect.runPromise(Scope.provide(startEcr({ immutableTags: /^fixed$/ }), scope));
    skopeo = await openSkopeo({ [ecr.registry.host]: ecr.authorization.slice("Basic ".length) });
    layout = `oci:${skopeo.folder}/layout:v1`;
    for (const name of ["team/app", "team/copy"]) ecr.registry.createRepository(name);
    const { authorization } = ecr;
    await Effect.runPromise(pushImage(ecr.registry.url, "team/app", "v1", top, { authorization }));
    await skopeo.run("copy", "--all", "--quiet", "--src-tls-verify=false", at("team/app:v1"), layout);
  });
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await skopeo.close();
  });

  it("an image goes out and in again with its digests, and is listed and inspected", async () => {
    await copyIn(layout, "team/copy:v1");
    expect(ecr.registry.manifest("team/copy", "v1")?.digest).toBe(top.digest);
    expect(ecr.registry.manifests("team/copy")).toEqual(ecr.registry.manifests("team/app"));
    expect(ecr.registry.danglingReferences()).toEqual([]);
    expect(digestOf(await skopeo.run("inspect", "--raw", "--tls-verify=false", at("team/copy:v1")))).toBe(top.digest);
    const inspected = JSON.parse(await skopeo.run("inspect", "--tls-verify=false", at("team/copy:v1"))) as object;
    expect(inspected).toMatchObject({ Digest: top.digest, RepoTags: ["v1"] });
    const listed = await skopeo.run("list-tags", "--tls-verify=false", at("team/copy"));
    expect(JSON.parse(listed)).toMatchObject({ Tags: ["v1"] });
  });

  it("a repository that does not exist is refused", async () => {
    await expect(copyIn(layout, "missing/app:v1")).rejects.toThrow(/does not exist|name unknown|404/i);
    expect(ecr.registry.repositories()).not.toContain("missing/app");
  });

  it("a tag that cannot be moved keeps what it has", async () => {
    await copyIn(layout, "team/copy:fixed");
    const other = image({ seed: "other" });
    const { authorization } = ecr;
    await Effect.runPromise(pushImage(ecr.registry.url, "team/app", "other", other, { authorization }));
    const from = at("team/app:other");
    await expect(
      skopeo.run("copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", from, at("team/copy:fixed")),
    ).rejects.toThrow(/immutable/);
    expect(ecr.registry.manifest("team/copy", "fixed")?.digest).toBe(top.digest);
  });
});
