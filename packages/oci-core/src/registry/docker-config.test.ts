import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RegistryAuth } from "./adapter.ts";
import { dockerConfigAuth } from "./docker-config.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plain = (auths: ReadonlyArray<RegistryAuth>) =>
  auths.map((auth) =>
    auth._tag === "Basic"
      ? [auth.username, Redacted.value(auth.password)]
      : auth._tag === "Bearer"
        ? [Redacted.value(auth.token)]
        : [],
  );

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drayage-docker-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

const read = async (host: string, config: unknown) => {
  const path = join(folder, "config.json");
  await writeFile(path, typeof config === "string" ? config : JSON.stringify(config));
  const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
  return await Effect.runPromise(Effect.result(dockerConfigAuth(host, { path, env })));
};
const gives = async (host: string, config: unknown, expected: unknown) => {
  const result = await read(host, config);
  expect(result._tag === "Success" ? plain(result.success) : result.failure.message).toEqual(expected);
};
const fails = async (config: unknown, message: RegExp) => {
  const result = await read("ghcr.io", config);
  expect(result._tag === "Failure" ? result.failure.message : "").toMatch(message);
};
/** Puts a helper on the PATH that runs these lines of shell. */
const helper = async (name: string, script: string) => {
  const path = join(folder, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
};

describe("the file", () => {
  it.each([
    ["ghcr.io", { "ghcr.io": { auth: base64("u:p:q") } }, [["u", "p:q"]]],
    ["ghcr.io", { "https://ghcr.io/v1/": { auth: base64("u:p") } }, [["u", "p"]]],
    ["localhost:5000", { "localhost:5000": { username: "u", password: "p" } }, [["u", "p"]]],
    ["docker.io", { "https://index.docker.io/v1/": { auth: base64("u:p") } }, [["u", "p"]]],
    ["registry-1.docker.io", { "docker.io": { auth: base64("u:p") } }, [["u", "p"]]],
    ["acr.io", { "acr.io": { auth: base64("x:"), identitytoken: "refresh" } }, [["<token>", "refresh"]]],
    ["r.io", { "r.io": { registrytoken: "t" } }, [["t"]]],
    ["ghcr.io", { "ghcr.io": {} }, []],
    ["ghcr.io", { "other.io": { auth: base64("u:p") } }, []],
    ["ghcr.io", { "ghcr.io": { auth: "not base 64 of a pair" } }, []],
  ])("of %s: %j", async (host, auths, expected) => {
    await gives(host, { auths }, expected);
  });
  it("that is not there is empty; one that is broken is an error", async () => {
    const path = join(folder, "none.json");
    expect(await Effect.runPromise(dockerConfigAuth("ghcr.io", { path }))).toEqual([]);
    await fails("{", /no Docker configuration/);
    await fails({ auths: [] }, /no Docker configuration/);
  });
  it("is looked for in DOCKER_CONFIG", async () => {
    await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { "ghcr.io": { auth: base64("u:p") } } }));
    const found = await Effect.runPromise(dockerConfigAuth("ghcr.io", { env: { DOCKER_CONFIG: folder } }));
    expect(plain(found)).toEqual([["u", "p"]]);
  });
});

describe("helpers", () => {
  it("the host's own is asked by the name of the host", async () => {
    await helper("own", `test "$1" = get && read -r server; printf '{"Username":"%s","Secret":"s"}' "$server"`);
    await gives("ghcr.io", { credHelpers: { "ghcr.io": "own" }, credsStore: "missing" }, [["ghcr.io", "s"]]);
  });
  it("the common one is asked else, by Docker Hub's historic name too", async () => {
    await helper("common", `read -r server; printf '{"ServerURL":"x","Username":"%s","Secret":"s"}' "$server"`);
    await gives("docker.io", { credsStore: "common" }, [["https://index.docker.io/v1/", "s"]]);
  });
  it("one that has nothing leaves the word to the file", async () => {
    await helper("empty", "echo 'credentials not found in native keychain'; exit 1");
    await gives("ghcr.io", { credsStore: "empty", auths: { "ghcr.io": { auth: base64("u:p") } } }, [["u", "p"]]);
    await gives("ghcr.io", { credHelpers: { "ghcr.io": "empty" } }, []);
  });
  it("one that fails is an error that does not repeat what it printed", async () => {
    await helper("broken", "echo secret-in-output; echo secret-in-errors >&2; exit 1");
    const result = await read("ghcr.io", { credsStore: "broken" });
    expect(result).toMatchObject({ failure: { _tag: "DockerConfigError" } });
    expect(JSON.stringify(result)).not.toContain("secret-in");
    await fails({ credsStore: "absent" }, /docker-credential-absent: the helper is not installed/);
  });
  it("its name must be a plain word", async () => {
    await fails({ credsStore: "../../bin/sh" }, /not a plain word/);
  });
});
