import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { load, loaded } from "./workspace.test-support.ts";

const EXAMPLE = `registries:
  lab: { type: oci, url: http://127.0.0.1:5000 }
  prod: { type: oci, url: http://127.0.0.1:5001 }
routes:
  - name: everything
    from: lab
    to: [{ registry: prod }]
    platforms: all
    referrers: all
`;

describe("what of an image goes along", () => {
  it.each([
    ["platforms: [linux/amd64, linux/arm/v7]", "keep"],
    ["platforms: { only: [linux/amd64, linux/arm/v7] }", "keep"],
    ["platforms: { only: [linux/amd64, linux/arm/v7], index: rewrite }", "rewrite"],
  ])("a choice of platforms: %s", async (line, index) => {
    const { config } = await loaded(EXAMPLE.replace("platforms: all", line));
    const only = [
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm", variant: "v7" },
    ];
    expect(config.routes[0]?.platforms).toEqual({ only, index });
  });

  it("a choice of referrers", async () => {
    const line = "referrers: { artifactTypes: [application/spdx+json], most: 50 }";
    const text = EXAMPLE.replace("    referrers: all", `    ${line}`);
    const { config } = await loaded(text);
    expect(config.routes[0]?.referrers).toEqual({ artifactTypes: ["application/spdx+json"], most: 50 });
  });

  it.each([
    ["{ publicKey: ./cosign.pub }", { _tag: "PublicKey", files: ["./cosign.pub"] }],
    ["{ publicKey: [./a.pub, /b.pub] }", { _tag: "PublicKey", files: ["./a.pub", "/b.pub"] }],
    [
      "{ keyless: { issuer: https://i.example, identity: me@example.com, trustRoot: root.json } }",
      {
        _tag: "Keyless",
        issuer: "https://i.example",
        identity: { _tag: "Exactly", text: "me@example.com" },
        trustRoot: { _tag: "File", file: "./root.json" },
      },
    ],
    [
      "{ keyless: { issuer: i, identityPattern: 'https://git\\.example/acme/.*' } }",
      {
        _tag: "Keyless",
        issuer: "i",
        identity: { _tag: "Matching", pattern: "https://git\\.example/acme/.*" },
        trustRoot: { _tag: "Tuf" },
      },
    ],
    [
      "{ keyless: { issuer: i, identity: a, trustRoot: { mirror: https://tuf.example, root: root.json } } }",
      {
        _tag: "Keyless",
        issuer: "i",
        identity: { _tag: "Exactly", text: "a" },
        trustRoot: { _tag: "Tuf", mirror: "https://tuf.example/", root: "./root.json" },
      },
    ],
  ])("a signature that is asked for: %s", async (rule, expected) => {
    const text = EXAMPLE.replace("    referrers: all", `    referrers: all\n    require: { signature: ${rule} }`);
    const { config, file } = await loaded(text);
    const here = dirname(file);
    const plain: unknown = JSON.parse(JSON.stringify(config.routes[0]?.require).replaceAll(here, "."));
    expect(plain).toEqual({ signature: expected });
  });

  it.each([
    ["{ publicKey: a, keyless: { issuer: i, identity: a } }", "publicKey or keyless, one of them"],
    ["{ keyless: { issuer: i } }", "identity or identityPattern, one of them"],
    ["{ keyless: { issuer: i, identityPattern: '(' } }", "not a regular expression"],
  ])("a rule for signatures that cannot be kept: %s", async (rule, why) => {
    const text = EXAMPLE.replace("    referrers: all", `    require: { signature: ${rule} }`);
    expect(await load(text)).toEqual([expect.stringContaining(why)]);
  });
});
