import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { SHORTEST } from "./compose/load.ts";
import { drayHere } from "./dray.test-support.ts";
import { LATER } from "./later.ts";

/** Prints the address of every module that is loaded. */
const LOADS = `data:text/javascript,import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => { console.error("loads " + url); return next(url, context); } });`;

describe("usage", () => {
  it("--version and --help succeed, on stdout, without loading more than the command line", async () => {
    const dray = await drayHere();
    const version = await dray.run(["--version"], { node: ["--import", LOADS] });
    expect(version).toMatchObject({ code: 0, stdout: "0.1.0\n" });
    expect(version.stderr).not.toMatch(/loads .*(\/effect\/|undici|zod|\/pg\/|commands\/)/);
    const help = await dray.run(["copy", "--help"]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("Usage: dray copy [options] <source> <destination>");
    expect(help.stdout).toContain("--config <file>");
    expect(help.stdout).toContain("Examples:");
  });

  it.each([
    [["stat"], "dray: unknown command 'stat'\n(Did you mean status?)"],
    [["config", "chek"], "(dray config --help tells how)"],
    [["copy", "one"], "dray: missing required argument 'destination'"],
    [["copy", "--nope", "a", "b"], "dray: unknown option '--nope'"],
    [["status", "extra"], "dray: too many arguments for 'status'"],
    [["replicator"], "dray: required option '-t, --target <name>' not specified"],
    [["reconciler", "--dry-run"], "add --once"],
    [["events", "--since", "yesterday"], "write 1200, 2026-11-21T08:00:00Z or 2h"],
    [["events", "--type", "ImagePushd"], "there is no event type ImagePushd"],
    [["retry", "web:1.0"], '"web:1.0" is no delivery'],
    [["copy", "http://a/b", "c/d"], "leave out http://"],
  ])("%j is wrong usage: exit 2, and says why on stderr", async (args, why) => {
    const dray = await drayHere();
    const ran = await dray.run(args);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain(why);
  });

  it("without a command it shows the usage on stderr and ends with 2", async () => {
    const ran = await (await drayHere()).run([]);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("Usage: dray");
  });

  it("commands of later versions are refused by name, whatever follows", async () => {
    const dray = await drayHere();
    const ran = await Promise.all(LATER.map(([name]) => dray.run([name, "--help", "x", "--y", "z"])));
    expect(ran).toEqual(
      LATER.map(([name, text]) => ({
        code: 2,
        stdout: "",
        stderr: `dray: '${name}' is not available in this version (${text})\n`,
      })),
    );
  });

  it.each(["zsh", "bash", "fish", "powershell"])(
    "completion for %s is a script, and knows our commands",
    async (shell) => {
      const dray = await drayHere();
      const script = await dray.run(["complete", shell]);
      expect(script).toMatchObject({ code: 0, stderr: "" });
      expect(script.stdout).toContain("dray");
      expect((await dray.run(["complete", "--", "st"])).stdout).toContain("status\thealth, lag and backlog");
    },
  );
});

describe("the configuration", () => {
  it("that is not there: says where it looked and how it begins, and the shortest file holds", async () => {
    const dray = await drayHere({ "shortest.yaml": SHORTEST });
    const missing = await dray.run(["status"]);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toContain(`no configuration: ${dray.folder}/drayage.yaml is not there`);
    expect(missing.stderr).toContain("      version: 1\n      registries:\n");
    const named = await dray.run(["up"], { env: { DRAYAGE_CONFIG: "other.yaml" } });
    expect(named.stderr).toContain("other.yaml is not there (from DRAYAGE_CONFIG)");
    expect(await dray.run(["-c", "shortest.yaml", "config", "check"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: 2 registries, 1 route, revision [0-9a-f]{12}\n {2}all: lab -> prod\n$/),
    });
  });

  const WRONG = `version: 2
instance: "No Good"
registrys: {}
http: { ingest: { port: 99999 } }
registries:
  a: { type: ocii, url: http://127.0.0.1:5000 }
  b: { type: oci, url: nonsense }
  c: { type: oci, url: http://127.0.0.1:1, auth: { username: x, password: "\${env:NOT_THERE}" } }
routes:
  - name: one
    from: zz
    to: [{ registry: yy, repository: "{nope}" }]
    deletes: { mode: mirorr }
    surprise: 1
`;
  it("with many mistakes: all of them at once, each with its line", async () => {
    const dray = await drayHere({ "drayage.yaml": WRONG });
    const check = await dray.run(["config", "check"]);
    expect(check).toMatchObject({ code: 2, stdout: "" });
    const lines = check.stderr.trim().split("\n");
    expect(lines[0]).toMatch(/^dray: the configuration has \d+ problems:$/);
    expect(lines.length).toBeGreaterThanOrEqual(11);
    for (const line of lines.slice(1)) expect(line).toMatch(/^ {2}drayage\.yaml:\d+:\d+: /);
    expect(check.stderr).toContain('Did you mean "registries"?');
    const machine = await dray.run(["config", "check", "--json"]);
    expect(machine.code).toBe(2);
    expect(JSON.parse(machine.stdout)).toMatchObject({ ok: false });
    expect(JSON.parse(machine.stdout).problems).toHaveLength(lines.length - 1);
    // Any other command says the same.
    expect((await dray.run(["diff"])).stderr).toBe(check.stderr);
  });

  it("schema is a JSON document, and a reader that stops early is no error", async () => {
    const dray = await drayHere();
    const { code, stdout } = await dray.run(["config", "schema"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: "object" });
    const main = fileURLToPath(new URL("main.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=drayage-source", main, "config", "schema"]);
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (piece) => {
      stderr += piece;
    });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
    expect(stderr).toBe("");
  });

  it("names that it does not have are refused with those it has", async () => {
    const dray = await drayHere({ "drayage.yaml": SHORTEST.replace("docker-config", "anonymous") });
    for (const args of [
      ["diff", "--target", "nope"],
      ["replicator", "--target", "nope"],
    ]) {
      const ran = await dray.run(args);
      expect(ran).toMatchObject({ code: 2, stderr: "dray: no route has the target nope\n      targets are prod\n" });
    }
    const route = await dray.run(["diff", "--route", "nope"]);
    expect(route).toMatchObject({ code: 2, stderr: "dray: there is no route nope\n      routes are all\n" });
  });
});
