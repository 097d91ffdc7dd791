import { join } from "node:path";
import { mapTag } from "@drayage/domain";
import type { RegistryAuth } from "@drayage/oci-core";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as Redacted from "effect/Redacted";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RegistryConfig } from "./model.ts";
import { ConfigError } from "./problem.ts";
import { compiledRoutes } from "./registry-types.ts";
import { directoryWith, load, loaded, REGISTRIES } from "./workspace.test-support.ts";

const identitiesOf = (registry: RegistryConfig | undefined): ReadonlyArray<RegistryAuth> =>
  registry?.type === "oci" || registry?.type === "artifactory"
    ? registry.auth === "docker-config"
      ? []
      : registry.auth
    : [];

const SHORTEST = `registries:
  lab: { type: oci, url: http://127.0.0.1:5000 }
  prod: { type: oci, url: http://127.0.0.1:5001 }
routes:
  - name: everything
    from: lab
    to: [{ registry: prod }]
`;

/** DESIGN.md section 4.1 without what this version lacks. */
const EXAMPLE = `version: 1
instance: prod-eu
database: embedded
dataDir: ./.drayage
bus: database
include: ["routes.d/*.yaml"]

http:
  ingest: { port: 8080 }
  admin:  { port: 8081 }

registries:
  artifactory:
    type: artifactory
    url: https://acme.jfrog.io
    access: repository-path
    auth: { username: gcp-sync, password: "\${env:ARTIFACTORY_TOKEN}" }
    notifications: { secret: ["\${env:ARTIFACTORY_WEBHOOK_SECRET}"], scheme: shared-secret }
  mirror:
    type: oci
    url: https://mirror.example
    auth: docker-config
  lab:
    type: oci
    url: http://127.0.0.1:5000
    auth: anonymous
    limits: { requestsPerSecond: 50, concurrency: 16, bandwidth: 100MiB/s }

routes:
  - name: prod
    from: artifactory
    select:
      repositories: ["docker-prod-local/**", "!docker-prod-local/tmp/**"]
      tags: ["v*", "latest", "!*-rc*"]
    to:
      - { registry: mirror, repository: "images/{image}" }
      - { registry: lab, repository: "prod/{image}", tag: "{tag}" }
    platforms: all
    referrers: all
    overwrite: true
    keepPrevious: 0
    existing: adopt-equal
    deletes: { mode: mirror, confirmAfter: 10m, protect: ["v*"] }
    priority: normal

guard:
  perRepository: { most: 20, within: 1h }
  perTarget: { most: 200, within: 1h, fraction: 0.05 }
  wholeRepository: approve

reconcile:
  changed: "*/10 * * * *"
  full: "0 3 * * *"

retention: { events: 400d, raw: 30d }

admin:
  tokens: [{ name: ci, role: viewer, hash: "sha256:${"ab".repeat(32)}" }]
`;
const SECRETS = { ARTIFACTORY_TOKEN: "t0ken", ARTIFACTORY_WEBHOOK_SECRET: "wh00k" };
const TEAM = `routes:
  - name: team-a
    from: lab
    select: { repositories: ["team-a/**"], tags: { semver: ">=1.2.0" } }
    to: [{ registry: mirror }]
    overwrite: { allow: ["latest"] }
    deletes: ignore
  - from: lab
    select: { repositories: ["team-b/**"], tags: { regex: "v\\\\d+" } }
    to: [{ registry: mirror, repository: "b/{image}" }, { registry: artifactory, repository: "x/{image}" }]
    overwrite: false
    priority: high
`;

describe("a sound configuration", () => {
  it("the shortest file gets every default", async () => {
    const { config, warnings } = await loaded(SHORTEST);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      instance: "default",
      database: { _tag: "Embedded" },
      http: { ingest: { host: "127.0.0.1", port: 8080 }, admin: { host: "127.0.0.1", port: 8081 } },
      guard: {
        perRepository: { most: 20, within: 3_600_000 },
        perTarget: { most: 200, within: 3_600_000, fraction: 0.05 },
      },
      reconcile: { changed: "*/10 * * * *", full: "0 3 * * *" },
      retention: { raw: 30 * 86_400_000 },
      admin: { tokens: [] },
    });
    expect(config.registries["lab"]).toEqual({
      name: "lab",
      type: "oci",
      url: new URL("http://127.0.0.1:5000"),
      auth: [{ _tag: "Anonymous" }],
      network: {},
      realms: [],
      notifications: { scheme: "shared-secret", secrets: [] },
      traits: {},
    });
    expect(config.routes).toEqual([
      {
        name: "everything",
        from: "lab",
        select: { repositories: ["**"], tags: { _tag: "Globs", globs: ["*"] } },
        to: [{ registry: "prod", repository: "{repository}", tag: "{tag}" }],
        foreignLayers: "leave",
        referrers: "all",
        overwrite: "always",
        existing: "adopt-equal",
        deletes: { mode: "ignore" },
        priority: "normal",
      },
    ]);
  });

  it("the example of the design, with a team's included routes", async () => {
    const files = { "drayage.yaml": EXAMPLE, "routes.d/team.yaml": TEAM };
    const { config, warnings } = await loaded(files, { env: SECRETS });
    expect(warnings).toEqual([]);
    expect(config.routes.map(({ name }) => name)).toEqual(["prod", "team-a", "lab-to-mirror-artifactory"]);
    expect(config.routes[0]?.deletes).toEqual({ mode: "mirror", confirmAfter: 600_000, protect: ["v*"] });
    expect(config.routes[1]).toMatchObject({
      select: { tags: { _tag: "Semver", range: ">=1.2.0" } },
      overwrite: { allow: ["latest"] },
    });
    expect(config.routes[2]).toMatchObject({
      select: { tags: { _tag: "Regex", pattern: "v\\d+" } },
      overwrite: "never",
      priority: "high",
    });
    expect(config.registries["mirror"]?.auth).toBe("docker-config");
    expect(config.registries["lab"]?.traits).toEqual({
      requestsPerSecond: 50,
      concurrency: 16,
      bandwidth: 104_857_600,
    });
    const [basic] = identitiesOf(config.registries["artifactory"]);
    if (basic?._tag !== "Basic") throw new Error("no password");
    expect(Redacted.value(basic.password)).toBe("t0ken");
  });

  it("a target may take its bytes from a nearer one, whichever route feeds that, and a file without the key keeps its revision", async () => {
    const registries = `${REGISTRIES}  far: { type: oci, url: http://127.0.0.1:5002 }\n`;
    const routes = (more: string) =>
      `routes:\n  - { from: lab, to: [{ registry: far${more} }] }\n  - { name: near, from: lab, to: [{ registry: prod }] }\n`;
    const { config, warnings } = await loaded(`${registries}${routes(", bytesFrom: [prod]")}`);
    expect(warnings).toEqual([]);
    expect(config.routes[0]?.to).toEqual([
      { registry: "far", repository: "{repository}", tag: "{tag}", bytesFrom: ["prod"] },
    ]);
    const { config: last } = await loaded(`${registries}${routes(", bytesFrom: [prod, lab]")}`);
    expect(last.routes[0]?.to[0]?.bytesFrom).toEqual(["prod", "lab"]); // the source may say that it is asked last
    const { config: plain } = await loaded(`${registries}${routes("")}`);
    expect(plain.routes[0]?.to[0]).not.toHaveProperty("bytesFrom");
    expect(plain.revision).not.toBe(config.revision);
  });

  it("its routes can be asked, with repository keys by type", async () => {
    const { config } = await loaded({ "drayage.yaml": EXAMPLE, "routes.d/team.yaml": TEAM }, { env: SECRETS });
    const repository = parseRepositoryName("docker-prod-local/a/b");
    const tag = parseTag("v1");
    if (repository === undefined || tag === undefined) throw new Error("grammar");
    const names = mapTag(compiledRoutes(config), { registry: "artifactory", repository, tag });
    expect(names.map((name) => `${name.target}/${name.repository}`)).toEqual(["mirror/images/a/b", "lab/prod/a/b"]);
  });

  it("secrets are never printed", async () => {
    const { config } = await loaded(EXAMPLE.replace('include: ["routes.d/*.yaml"]\n', ""), { env: SECRETS });
    const printed = `${JSON.stringify(config)} ${String(config.registries["artifactory"]?.auth)}`;
    expect(printed).not.toMatch(/t0ken|wh00k/);
  });

  it("the revision follows what is decided, and not secrets, ports or directories", async () => {
    const text = EXAMPLE.replace('include: ["routes.d/*.yaml"]\n', "");
    const revision = async (changed: string, env: Record<string, string> = SECRETS) =>
      (await loaded(changed, { env })).config.revision;
    const first = await revision(text);
    expect(first).toMatch(/^[a-f0-9]{12}$/);
    expect(await revision(text, { ...SECRETS, ARTIFACTORY_TOKEN: "rotated" })).toBe(first);
    expect(await revision(text.replace("8080", "0").replace("./.drayage", "/var/lib/drayage"))).toBe(first);
    expect(await revision(text.replace("perRepository: { most: 20", "perRepository: { most: 21"))).not.toBe(first);
    expect(await revision(text.replace("images/{image}", "image/{image}"))).not.toBe(first);
  });

  it("is found by path, then by DRAYAGE_CONFIG, then in the working directory", async () => {
    const named = (name: string) => SHORTEST.replace("registries:", `instance: ${name}\nregistries:`);
    const cwd = await directoryWith({
      "drayage.yaml": named("here"),
      "env.yaml": named("env"),
      "sub/arg.yaml": named("arg"),
    });
    const instance = async (path: string | undefined, env: Record<string, string>) => {
      const { config, file } = await loaded({}, { cwd, path, env });
      return [config.instance, config.dataDir, file].map((text) => text.replace(cwd, "."));
    };
    expect(await instance("sub/arg.yaml", { DRAYAGE_CONFIG: "env.yaml" })).toEqual([
      "arg",
      "./sub/.drayage",
      "./sub/arg.yaml",
    ]);
    expect(await instance(undefined, { DRAYAGE_CONFIG: "env.yaml" })).toEqual(["env", "./.drayage", "./env.yaml"]);
    expect(await instance(undefined, {})).toEqual(["here", "./.drayage", "./drayage.yaml"]);
  });

  it("values may be written in every form", async () => {
    const { config } = await loaded(
      `database: "\${env:DB}"
http: { ingest: { port: "\${env:PORT}", host: "::1" } }
reconcile: { changed: off, full: "off" }
registries:
  lab: { type: oci, url: "http://127.0.0.1:5000", auth: [{ token: a }, { username: u, password: p }], notifications: { secret: s } }
`,
      { env: { DB: "postgres://u:p@db/drayage", PORT: "8090" } },
    );
    expect(config.http.ingest).toEqual({ host: "::1", port: 8090 });
    expect(config.reconcile).toEqual({ changed: undefined, full: undefined });
    if (config.database._tag !== "Server") throw new Error("embedded");
    expect(Redacted.value(config.database.url)).toBe("postgres://u:p@db/drayage");
    expect(config.registries["lab"]?.auth).toHaveLength(2);
    const lab = config.registries["lab"];
    if (lab?.type !== "oci") throw new Error("another type");
    expect(lab.notifications.secrets.map(Redacted.value)).toEqual(["s"]);
  });
});

describe("interpolation", () => {
  const password = (text: string) => `registries:
  lab: { type: oci, url: http://127.0.0.1:5000, auth: { username: u, password: "${text}" } }
routes: []
`;
  const passwordOf = async (text: string, files: Record<string, string> = {}, env: Record<string, string> = {}) => {
    const { config } = await loaded({ "drayage.yaml": password(text), ...files }, { env });
    const [auth] = identitiesOf(config.registries["lab"]);
    return auth?._tag === "Basic" ? Redacted.value(auth.password) : undefined;
  };
  it.each([
    [`\${env:A}`, "one"],
    [`x-\${env:A}-\${env:B}`, "x-one-two"],
    [`$\${env:A}`, `\${env:A}`],
    [`$$\${env:A}`, `$\${env:A}`],
    ["$A costs $5", "$A costs $5"],
    [`\${file:secret.txt}`, "from a file"],
    [`\${file:./sub/key}`, "two\nlines"],
    [`\${env:NESTED}`, `\${env:A}`], // what comes out is not read again
  ])("%s", async (text, expected) => {
    const files = { "secret.txt": "from a file\n", "sub/key": "two\nlines\r\n" };
    expect(await passwordOf(text, files, { A: "one", B: "two", NESTED: `\${env:A}` })).toBe(expected);
  });
  it("an absolute file", async () => {
    const directory = await directoryWith({ token: "abc" });
    expect(await passwordOf(`\${file:${join(directory, "token")}}`)).toBe("abc");
  });
  it.each([
    [`\${env:A}`, "environment variable A is not set. Set it before the start"],
    [`\${env:EMPTY}`, "environment variable EMPTY is empty. Set it before the start"],
    [`\${file:/nowhere/x}`, "file /nowhere/x cannot be read (ENOENT). Create it, or correct the path"],
    [
      `\${gcp-secret:projects/p/secrets/s/versions/1}`,
      `\${gcp-secret:…} is not available in this version of drayage. Use \${env:NAME} or \${file:PATH}`,
    ],
    [
      `\${aws-secret:arn:aws:x}`,
      `\${aws-secret:…} is not available in this version of drayage. Use \${env:NAME} or \${file:PATH}`,
    ],
    [
      `\${vault:x}`,
      `unknown reference \${vault:…}. Use \${env:NAME}, \${file:PATH}, or $\${ for the characters themselves`,
    ],
    [`\${A}`, `\${ that is no reference. Use \${env:NAME}, \${file:PATH}, or $\${ for the characters themselves`],
  ])("%s is an error that names the key and the place", async (text, expected) => {
    expect(await load(password(text), { env: { EMPTY: "" } })).toEqual([
      `drayage.yaml:2:80: registries.lab.auth.password: ${expected}`,
    ]);
  });
  it("too large for a secret", async () => {
    const [line] = (await load({ "drayage.yaml": password(`\${file:big}`), big: "x".repeat(70_000) })) as Array<string>;
    expect(line).toMatch(/big is larger than 65536 bytes/);
  });
  it("without secrets: told as warnings, and the form of what is missing is not held against it", async () => {
    const text = `database: "\${env:DB}"
http: { ingest: { port: "\${env:PORT}" } }
registries:
  lab: { type: oci, url: "\${env:URL}", auth: { username: u, password: "\${file:/nowhere/x}" } }
routes: []
`;
    const { warnings } = await loaded(text, { secrets: "optional" });
    expect(
      warnings
        .map(({ path, message }) => `${path}: ${message}`)
        .slice(0, 4)
        .sort(),
    ).toEqual([
      "database: environment variable DB is not set",
      "http.ingest.port: environment variable PORT is not set",
      "registries.lab.auth.password: file /nowhere/x cannot be read (ENOENT)",
      "registries.lab.url: environment variable URL is not set",
    ]);
    expect(await load(password(`\${vault:x}`), { secrets: "optional" })).toHaveLength(1);
  });
});

describe("warnings", () => {
  const messages = async (text: string) =>
    (await loaded(text)).warnings.map(({ path, message }) => `${path}: ${message}`);
  it("ingest for everybody and a source without a secret", async () => {
    expect(await messages(`http: { ingest: { host: 0.0.0.0 } }\n${SHORTEST}`)).toEqual([
      "registries.lab: notifications of lab are heard from loopback only: it has no secret",
    ]);
  });
  it("credentials in clear text", async () => {
    const auth = "auth: { username: u, password: p } }";
    const text = SHORTEST.replace("http://127.0.0.1:5000 }", `http://lab.example:5000, ${auth}`);
    expect(await messages(text)).toEqual(["registries.lab.url: credentials would travel in clear text"]);
    expect(await messages(SHORTEST.replace("http://127.0.0.1:5000 }", `http://127.0.0.1:5000, ${auth}`))).toEqual([]);
  });
  it("no routes, and a glob that matches no file", async () => {
    expect(await messages(`include: ["routes.d/*.yaml"]\n${REGISTRIES}`)).toEqual([
      "include[0]: no file matches",
      ": there are no routes: nothing is delivered",
    ]);
  });
});

describe("whatever the file holds", () => {
  const word = fc.constantFrom(
    "version", "registries", "routes", "lab", "type", "oci", "url", "from", "to", "select", "tags", "repositories",
    "deletes", "mode", "mirror", "auth", "http", "ingest", "port", "include", "guard", "*", "**", "{image}",
    `\${env:A}`, `\${`, "&a", "*a", "!!x", "- ", "? ", "[", "{", "|", "__proto__", "constructor", "null", "~", "1e999",
  ); // biome-ignore format: a list of words
  const line = fc.tuple(fc.nat(6), fc.array(word, { maxLength: 4 }), fc.constantFrom(":", ": ", " ", ""));
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc
      .array(line, { maxLength: 10 })
      .map((lines) => lines.map(([indent, words, glue]) => " ".repeat(indent) + words.join(glue)).join("\n")),
    fc.jsonValue().map((value) => JSON.stringify({ registries: { lab: value }, routes: [value] })),
    fc.object().map((value) => JSON.stringify(value)),
  );
  it("the answer is a configuration or problems, never another error", async () => {
    const cwd = await directoryWith({});
    const { writeFile } = await import("node:fs/promises");
    await fc.assert(
      fc.asyncProperty(text, async (yaml) => {
        await writeFile(join(cwd, "drayage.yaml"), yaml);
        const result = await load({}, { cwd });
        if ("config" in result) return;
        expect(result.length).toBeGreaterThan(0);
        // `include: version` names a file that is not there.
        for (const problem of result) expect(problem).toMatch(/^(?:drayage\.yaml|[^\n:]+: cannot be read)[^\n]+$/);
      }),
      { numRuns: 300 },
    );
  });
  it("the error reads well", () => {
    const problem = { file: "drayage.yaml", line: 3, column: 7, path: "a.b", message: "what", mend: "Mend it" };
    expect(new ConfigError({ problems: [problem, { ...problem, line: 0, path: "" }] }).message).toBe(
      "the configuration has 2 problems:\n  drayage.yaml:3:7: a.b: what. Mend it\n  drayage.yaml: what. Mend it",
    );
  });
});
