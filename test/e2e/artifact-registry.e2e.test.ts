import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArtifactRegistryServer, startArtifactRegistry } from "@drayage/ar-adapter/testing";
import { multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTools } from "../tools/find-tools.ts";
import { run } from "../tools/run.ts";

const TIMEOUT_MS = 120_000;
const digestOf = (bytes: string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

describe("skopeo and Artifact Registry", () => {
  const scope = Scope.makeUnsafe();
  let folder: string;
  let server: ArtifactRegistryServer;
  let skopeo: (...args: ReadonlyArray<string>) => Promise<string>;

  beforeAll(async () => {
    const tools = await findTools();
    folder = await mkdtemp(join(tmpdir(), "drayage-e2e-"));
    server = await Effect.runPromise(Scope.provide(startArtifactRegistry(), scope));
    const login = Buffer.from(`oauth2accesstoken:${server.accessToken}`).toString("base64");
    const authfile = join(folder, "auth.json");
    await writeFile(authfile, JSON.stringify({ auths: { [server.host]: { auth: login } } }));
    skopeo = async (command, ...args) => {
      const given = ["--insecure-policy", "--tmpdir", folder, command ?? "", "--authfile", authfile, ...args];
      const ran = await run(tools.skopeo, given, { timeoutMs: TIMEOUT_MS });
      if (ran.code !== 0) throw new Error(`skopeo ${command} ended with ${ran.code}: ${ran.stderr.trim()}`);
      return ran.stdout;
    };
  });
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    await rm(folder, { recursive: true, force: true });
  });

  it("an image goes out and in again with its digests, and is listed and inspected", async () => {
    await Effect.runPromise(
      pushImage(server.url, `${server.project}/images/team/app`, "v1", multiPlatform({ seed: "skopeo" }), {
        authorization: `Bearer ${server.accessToken}`,
      }),
    );
    const source = `docker://${server.host}/${server.project}/images/team/app`;
    const copy = `docker://${server.host}/${server.project}/images/copy`;
    const layout = `oci:${folder}/layout:v1`;
    await skopeo("copy", "--all", "--quiet", "--src-tls-verify=false", `${source}:v1`, layout);
    await skopeo("copy", "--all", "--quiet", "--dest-tls-verify=false", layout, `${copy}:v1`);

    const held = server.manifest(`${server.project}/images/team/app`, "v1")?.digest;
    expect(held).toBeDefined();
    expect(server.manifest(`${server.project}/images/copy`, "v1")?.digest).toBe(held);
    expect(server.manifests(`${server.project}/images/copy`)).toEqual(
      server.manifests(`${server.project}/images/team/app`),
    );
    expect(server.danglingReferences()).toEqual([]);
    expect(digestOf(await skopeo("inspect", "--raw", "--tls-verify=false", `${copy}:v1`))).toBe(held);
    const listed = JSON.parse(await skopeo("list-tags", "--tls-verify=false", copy)) as { readonly Tags: unknown };
    expect(listed.Tags).toEqual(["v1"]);
  });

  it("a repository that does not exist is refused", async () => {
    const layout = `oci:${folder}/layout:v1`;
    const elsewhere = `docker://${server.host}/${server.project}/missing/app:v1`;
    await expect(skopeo("copy", "--all", "--quiet", "--dest-tls-verify=false", layout, elsewhere)).rejects.toThrow(
      /403|denied/i,
    );
  });
});
