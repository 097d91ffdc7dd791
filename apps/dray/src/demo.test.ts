import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { drayHere } from "./dray.test-support.ts";

const STAYS = "In another shell:";
const configFileOf = (said: string): string => /configuration {5}(\S+)/.exec(said)?.[1] ?? "";
/** The server of the embedded database, by its own lock file. */
const isGone = async (pid: number): Promise<void> => {
  await expect
    .poll(
      () => {
        try {
          return process.kill(pid, 0);
        } catch {
          return "gone";
        }
      },
      { timeout: 30_000 },
    )
    .toBe("gone");
};

describe("dray demo", () => {
  it("--once shows every step, proves it, and ends with 0; --json is one document", async () => {
    const [ran, machine] = await Promise.all([
      (await drayHere()).run(["demo", "--once"]),
      (await drayHere()).run(["demo", "--once", "--json"]),
    ]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const lines = ran.stdout.split("\n");
    const summary = lines.slice(lines.findIndex((line) => line.startsWith("STEP")));
    expect(summary.map((line) => line.split(" ")[0]).filter((word) => word !== "")).toEqual([
      "STEP",
      "push",
      "overwrite",
      "delete",
      "promotion",
      "drift",
      "Compared",
    ]);
    for (const line of summary) expect(line.length).toBeLessThanOrEqual(120);
    expect(ran.stdout).toMatch(
      /Compared with the source: \d+ manifests byte by byte \(the signature too\) and \d+ blobs are the same at europe and america\.\n$/,
    );
    expect(ran.stdout).not.toMatch(/sha256:[0-9a-f]{13}/);
    expect(ran.stdout).not.toContain("incomplete");
    // What each step brought stands under its own title.
    expect(ran.stdout).toMatch(
      /\ndrift: [^\n]*\n[^\n]*ReconciliationStarted[\s\S]*DriftFound[\s\S]*ReplicationSucceeded/,
    );
    expect(machine).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(machine.stdout)).toMatchObject({
      steps: [{}, {}, {}, {}, { result: [{ digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) }] }],
      verified: { differences: [] },
    });
  });

  it("stays, can be asked from outside, and takes everything with it: stopped by Ctrl-C, and killed", async () => {
    const dray = await drayHere();
    const [stopped, killed] = await Promise.all([dray.start(["demo"], STAYS), dray.start(["demo"], STAYS)]);
    const config = configFileOf(stopped.said());
    const status = await dray.run(["--config", config, "status"]);
    expect(status).toMatchObject({ code: 0, stderr: "" });
    expect(status.stdout).toMatch(/america +level[\s\S]*europe +level/);
    expect((await dray.run(["--config", config, "diff"])).code).toBe(0);
    expect(await stopped.stop("SIGINT")).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(dirname(config))).toBe(false);

    const folder = dirname(configFileOf(killed.said()));
    const lockFile = await readFile(join(folder, "data/postgres/cluster/postmaster.pid"), "utf8");
    expect((await killed.stop("SIGKILL")).code).toBe(null);
    await isGone(Number(lockFile.split("\n")[0]));
    await expect.poll(() => existsSync(folder), { timeout: 30_000 }).toBe(false);
  });
});
