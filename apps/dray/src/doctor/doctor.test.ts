import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "@drayage/oci-core";
import {
  image,
  pushImage,
  type StrictRegistry,
  type StrictRegistryOptions,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Dray, drayHere, freePort } from "../dray.test-support.ts";
import { CERTIFICATE, secured, serve, skewed } from "./servers.test-support.ts";

const PASSWORD = "a-password-that-is-right";
const web = image({ seed: "web" });

const start = async (options: StrictRegistryOptions = {}): Promise<StrictRegistry> => {
  const scope = await Effect.runPromise(Scope.make());
  onTestFinished(() => Effect.runPromise(Scope.close(scope, Exit.void)));
  return Effect.runPromise(Scope.provide(startStrictRegistry(options), scope));
};
const source = async (options: StrictRegistryOptions = {}): Promise<StrictRegistry> => {
  const registry = await start();
  await Effect.runPromise(pushImage(registry.url, "team/web", "1.0", web));
  registry.configure(options);
  return registry;
};
const user = (name: string, actions?: ReadonlyArray<"pull" | "push">) => ({
  name,
  password: PASSWORD,
  ...(actions === undefined ? {} : { grants: [{ repositories: /.*/, actions }] }),
});

interface Diagnosis {
  readonly code: number | null;
  readonly ok: boolean;
  readonly findings: ReadonlyArray<Finding>;
}
const here = async (registries: string, routes: string, more = ""): Promise<Dray> => {
  const text = `version: 1\ndataDir: ./data\n${more}registries:\n${registries}\nroutes:\n${routes}\n`;
  return drayHere({ "drayage.yaml": text });
};
const diagnose = async (dray: Dray): Promise<Diagnosis> => {
  const { code, stdout, stderr } = await dray.run(["doctor", "--json"]);
  expect(stderr).toBe("");
  expect(stdout).not.toContain(PASSWORD);
  return { code, ...(JSON.parse(stdout) as Omit<Diagnosis, "code">) };
};
const route = (from: string, to: string, repositories = '["**"]'): string =>
  `  - { name: ${from}-${to}, from: ${from}, select: { repositories: ${repositories} }, to: [{ registry: ${to}, repository: "{repository}" }] }`;

describe("dray doctor", () => {
  it("names six mistakes at once, each with its key and what to do", async () => {
    const lab = await source();
    const wrongPassword = await start({ auth: { _tag: "Basic", users: [user("ci")] } });
    const mayNotPush = await start({ auth: { _tag: "Token", users: [user("reader", ["pull"])] } });
    const late = await skewed((await source()).url, -400);
    const unknownCa = await secured((await start()).url);
    const dray = await here(
      [
        `  lab: { type: oci, url: ${lab.url.origin} }`,
        `  locked: { type: oci, url: ${wrongPassword.url.origin}, auth: { username: ci, password: not-it } }`,
        `  readonly: { type: oci, url: ${mayNotPush.url.origin}, auth: { username: reader, password: ${PASSWORD} } }`,
        `  late: { type: oci, url: ${late.origin} }`,
        `  selfmade: { type: oci, url: ${unknownCa.origin} }`,
        `  away: { type: oci, url: http://127.0.0.1:${await freePort()} }`,
      ].join("\n"),
      [
        route("lab", "locked"),
        route("lab", "readonly"),
        route("lab", "selfmade"),
        route("lab", "away"),
        route("late", "lab", '["team/web", "team/gone"]').replace("{repository}", "late/{repository}"),
      ].join("\n"),
    );
    const { code, ok, findings } = await diagnose(dray);
    const found = new Map(findings.filter(({ severity }) => severity === "error").map((one) => [one.key, one]));
    expect([...found.keys()].sort()).toEqual([
      "registries.away.url",
      "registries.late",
      "registries.locked.auth",
      "registries.readonly.auth",
      "registries.selfmade.tls.ca",
      "routes.late-lab.select.repositories",
    ]);
    expect(found.get("registries.away.url")).toMatchObject({
      what: expect.stringMatching(/^nothing listens there .*ECONNREFUSED/),
      mend: "Correct host and port, or start the registry",
    });
    expect(found.get("registries.late")).toMatchObject({
      what: expect.stringMatching(/^its clock is (399|40\d) s behind ours$/),
      mend: expect.stringContaining("NTP"),
    });
    expect(found.get("registries.locked.auth")).toMatchObject({
      what: expect.stringMatching(/^it refuses the credentials \(401/),
      mend: expect.stringContaining("Correct user and password"),
    });
    expect(found.get("registries.readonly.auth")).toMatchObject({
      what: expect.stringMatching(/^it knows the credentials, and they may not push team\/web \(/),
      mend: expect.stringContaining("the right to pull and push"),
    });
    expect(found.get("registries.selfmade.tls.ca")).toMatchObject({
      what: expect.stringContaining("an authority that is not trusted here"),
      mend: "Write the PEM file of the authority into `tls.ca`",
    });
    expect(found.get("routes.late-lab.select.repositories")).toMatchObject({
      what: expect.stringMatching(/^late has no repository team\/gone \(404 NAME_UNKNOWN\)/),
      mend: expect.stringContaining("Correct the name"),
    });
    expect({ code, ok }).toEqual({ code: 1, ok: false });

    const spoken = await dray.run(["doctor"]);
    expect(spoken.code).toBe(1);
    expect(spoken.stdout).toMatch(/^error {4}\S+: .*\n {9}-> /);
    expect(spoken.stdout).toMatch(/\n6 registries looked at: 6 errors, 0 warnings, 0 not tried\n$/);
    expect(lab.openUploads()).toBe(0);
  });

  it("what is well needs no words: 0, also through a certificate of an authority that is named, and nothing is left behind", async () => {
    const lab = await source({ redirectBlobs: true, auth: { _tag: "Token", users: [user("ci")] } });
    // Its own name for itself would have no TLS.
    const prod = await start({ locations: "relative" });
    const dray = await here(
      `  lab: { type: oci, url: ${lab.url.origin}, auth: { username: ci, password: ${PASSWORD} } }
  prod: { type: oci, url: ${(await secured(prod.url)).origin}, tls: { ca: ./ca.pem } }`,
      route("lab", "prod"),
    );
    await writeFile(join(dray.folder, "ca.pem"), CERTIFICATE);
    expect(await diagnose(dray)).toEqual({ code: 0, ok: true, findings: [] });
    expect(prod.requests.count({ method: "POST", path: /\/uploads\// })).toBe(1);
    expect(prod.openUploads()).toBe(0);
    expect(prod.repositories()).toEqual([]);
    expect((await dray.run(["doctor"])).stdout).toBe("2 registries looked at: 0 errors, 0 warnings, 0 not tried\n");
  });

  it("what could not be tried is said, and is not well: 2", async () => {
    const lab = await source({ catalog: false });
    const dray = await here(
      `  lab: { type: oci, url: ${lab.url.origin} }\n  prod: { type: oci, url: ${(await start()).url.origin} }`,
      route("lab", "prod"),
    );
    const { code, ok, findings } = await diagnose(dray);
    expect({ code, ok }).toEqual({ code: 2, ok: false });
    expect(findings.map(({ severity, key }) => [severity, key])).toEqual([
      ["unknown", "routes.lab-prod.select.repositories"],
      ["unknown", "registries.prod"],
    ]);
  });

  it("credentials that are missing, old ones in a list, secrets that can be guessed and doubts of the configuration are told", async () => {
    const closed = await source({ auth: { _tag: "Basic", users: [user("ci")] } });
    const rotated = await source({ auth: { _tag: "Basic", users: [user("ci")] } });
    const dray = await here(
      `  closed: { type: oci, url: ${closed.url.origin} }
  rotated:
    type: oci
    url: ${rotated.url.origin}
    auth: [{ username: ci, password: of-last-year }, { username: ci, password: ${PASSWORD} }]
    notifications: { secret: hunter2 }`,
      `${route("rotated", "closed")}\n${route("closed", "rotated", '["other/*"]')}`,
      "http: { ingest: { host: 0.0.0.0, port: 8080 } }\n",
    );
    const { findings } = await diagnose(dray);
    const told = findings.map(({ severity, key }) => `${severity} ${key}`);
    expect(told).toEqual(
      expect.arrayContaining([
        "error registries.closed.auth",
        "warning registries.rotated.auth[0]",
        "warning registries.rotated.notifications.secret",
        "warning registries.closed",
      ]),
    );
    expect(told).not.toContain("warning registries.rotated.auth[1]");
    expect(findings.find(({ key }) => key === "registries.closed.auth")?.mend).toBe("Add `auth`");
    expect(JSON.stringify(findings)).not.toMatch(/hunter2|of-last-year/);
  });

  it("a database, a directory, a certificate file and a page of somebody else are findings too", async () => {
    const page = await serve((_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Sign in</h1>"),
    );
    const dray = await here(
      `  page: { type: oci, url: ${page.origin} }\n  prod: { type: oci, url: https://127.0.0.1:1, tls: { ca: ./nowhere.pem } }`,
      route("page", "prod", '["team/web"]'),
      `database: "postgres://u:${PASSWORD}@127.0.0.1:${await freePort()}/d"\n`,
    );
    await writeFile(join(dray.folder, "data"), "a file where a directory should be");
    const { code, findings } = await diagnose(dray);
    expect(code).toBe(1);
    expect(
      findings
        .filter(({ severity }) => severity === "error")
        .map(({ key }) => key)
        .sort(),
    ).toEqual(["dataDir", "database", "registries.page.url", "registries.prod.tls"]);
    expect(findings.find(({ key }) => key === "registries.page.url")?.what).toContain("what answers is no registry");
  });

  it("without a configuration nothing can be looked at: 2", async () => {
    const ran = await (await drayHere()).run(["doctor"]);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("no configuration");
  });
});

describe("dray doctor --egress", () => {
  it("lists registries, token servers and storage hosts that were seen, and the database", async () => {
    const lab = await source({ redirectBlobs: true, auth: { _tag: "Token", users: [user("ci")] } });
    const prod = await start();
    const dray = await here(
      `  lab: { type: oci, url: ${lab.url.origin}, auth: { username: ci, password: ${PASSWORD} } }
  prod: { type: oci, url: https://registry.acme.example, endpoint: ${prod.url.origin} }`,
      route("lab", "prod"),
      "database: postgres://u:p@db.acme.example/drayage\n",
    );
    const { code, stdout } = await dray.run(["doctor", "--egress", "--json"]);
    expect(code).toBe(0);
    const { complete, hosts } = JSON.parse(stdout) as {
      complete: boolean;
      hosts: ReadonlyArray<Record<string, unknown>>;
    };
    expect(complete).toBe(true);
    const port = Number(lab.url.port);
    expect(hosts).toEqual([
      { host: "127.0.0.1", port, purpose: "registry", key: "registries.lab.url", known: "configured" },
      { host: "127.0.0.1", port, purpose: "tokens", key: "registries.lab", known: "seen" },
      { host: "127.0.0.1", port: expect.any(Number), purpose: "storage", key: "registries.lab", known: "seen" },
      {
        host: "127.0.0.1",
        port: Number(prod.url.port),
        purpose: "registry",
        key: "registries.prod.endpoint",
        known: "configured",
      },
      { host: "db.acme.example", port: 5432, purpose: "database", key: "database", known: "configured" },
    ]);
    expect(hosts[2]?.["port"]).not.toBe(port);
    expect((await dray.run(["doctor", "--egress"])).stdout).toMatch(/^HOST +PORT +FOR +KNOWN +VIA +KEY\n127\.0\.0\.1 /);
  });

  it("says that it may lack hosts where a registry did not answer: 2", async () => {
    const dray = await here(
      `  lab: { type: oci, url: ${(await source()).url.origin} }\n  away: { type: oci, url: http://127.0.0.1:${await freePort()} }`,
      route("lab", "away"),
    );
    const ran = await dray.run(["doctor", "--egress"]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("the list may lack hosts: registries.away.url: nothing listens there");
  });
});
