import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTools } from "../tools/find-tools.ts";
import { run } from "../tools/run.ts";

const TIMEOUT_MS = 120_000;

export const digestOf = (bytes: string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** skopeo with a folder of its own. */
export interface Skopeo {
  readonly folder: string;
  /** Output of a command that succeeded; anything else is an error with what skopeo said. */
  readonly run: (command: string, ...args: ReadonlyArray<string>) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** `logins`: user and password in base64, by host. */
export const openSkopeo = async (logins: Readonly<Record<string, string>>): Promise<Skopeo> => {
  const tools = await findTools();
  const folder = await mkdtemp(join(tmpdir(), "drayage-e2e-"));
  const authfile = join(folder, "auth.json");
  const auths = Object.fromEntries(Object.entries(logins).map(([host, auth]) => [host, { auth }]));
  await writeFile(authfile, JSON.stringify({ auths }));
  return {
    folder,
    run: async (command, ...args) => {
      const given = ["--insecure-policy", "--tmpdir", folder, command, "--authfile", authfile, ...args];
      const ran = await run(tools.skopeo, given, { timeoutMs: TIMEOUT_MS });
      if (ran.code !== 0) throw new Error(`skopeo ${command} ended with ${ran.code}: ${ran.stderr.trim()}`);
      return ran.stdout;
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
};
