import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import { load, loaded } from "../workspace.test-support.ts";

const file = (keys: string, route = ""): string =>
  `registries:\n  art: { type: artifactory, url: https://acme.example${keys} }\n  lab: { type: oci, url: http://127.0.0.1:5000 }\n${route}`;
const art = async (keys: string) => (await loaded(file(keys))).config.registries["art"];

describe("an Artifactory in the configuration", () => {
  it("is addressed by repository path, with nothing declared and no polling", async () => {
    const config = await art("");
    expect(config).toMatchObject({ access: "repository-path", repositories: {} });
    expect(config).not.toHaveProperty("pollEveryMs");
    expect(config).not.toHaveProperty("api");
  });

  it("takes every form of access", async () => {
    for (const form of ["subdomain", "hyphen", "direct"])
      expect(await art(`, access: ${form}`)).toMatchObject({ access: form });
    expect(await art(", access: { ports: { docker-local: 5001 } }")).toMatchObject({
      access: { ports: { "docker-local": 5001 } },
    });
  });

  it("knows an API elsewhere, a polling interval, an API key and what is declared of keys", async () => {
    const config = await art(
      ", api: https://acme.example/art, poll: { every: 30s }, auth: [{ apiKey: k3y }, { token: t }], repositories: { hub: remote, all: { virtual: [a, hub] }, a: local }",
    );
    expect(config).toMatchObject({
      pollEveryMs: 30_000,
      auth: [{ _tag: "Header", header: "x-jfrog-art-api" }, { _tag: "Bearer" }],
      repositories: { hub: { _tag: "Remote" }, all: { _tag: "Virtual", members: ["a", "hub"] }, a: { _tag: "Local" } },
    });
    if (config?.type !== "artifactory" || config.auth === "docker-config") throw new Error("another type");
    const [first] = config.auth;
    expect(config.api?.href).toBe("https://acme.example/art");
    expect(first?._tag === "Header" && Redacted.value(first.key)).toBe("k3y");
    expect(JSON.stringify(config)).not.toContain("k3y");
  });

  it.each([
    [", access: subdomian", "access"],
    [", access: { ports: { a: 70000 } }", "access"],
    [", poll: { every: 1s }", "at least 10s"],
    [", api: ftp://acme.example", "not the address of the REST API"],
    [", api: https://user:secret@acme.example/x", "not the address of the REST API"],
    [", repositories: { Upper: remote }", "repositories"],
    [", repositories: { a: { virtual: [] } }", "repositories.a"],
  ])("refuses %s", async (keys, what) => {
    const result = await load(file(keys));
    expect(result).toEqual([expect.stringContaining(what)]);
    expect(String(result)).not.toContain("secret@");
  });
});

const mirror = (globs: string, keys: string) =>
  load(
    file(
      `, repositories: ${keys}`,
      `routes:\n  - { from: art, select: { repositories: ${globs} }, to: [{ registry: lab }], deletes: { mode: mirror } }\n`,
    ),
  );

describe("mirrored deletions", () => {
  const KEYS =
    "{ hub: remote, mixed: { virtual: [a, hub] }, over: { virtual: [mixed] }, own: { virtual: [a, b, own] } }";

  it.each([
    ['["hub/**"]', ["hub"]],
    ['["mixed/team/*"]', ["mixed"]],
    ['["over/**"]', ["over"]],
    ['["*/team/*"]', ["hub", "mixed", "over"]],
    ['["**", "!hub/**"]', ["mixed", "over"]],
    ['["{hub/x,a/y}"]', ["hub", "mixed", "over"]],
  ])("are refused for caches and for views that show one: %s", async (globs, keys) =>
    expect(await mirror(globs, KEYS)).toEqual(
      keys.map((key) => expect.stringContaining(`deletions cannot be mirrored from ${key}: `)),
    ),
  );

  it.each(['["own/**"]', '["a/**"]', '["**", "!hub/**", "!mixed/**", "!over/**"]'])(
    "are taken where all members are local: %s",
    async (globs) => expect(await mirror(globs, KEYS)).toHaveProperty("config"),
  );
});
