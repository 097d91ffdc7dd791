import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHECKOUT, drayCommand } from "./dray.ts";
import { type Child, start } from "./process.ts";

export interface RemoteReplicator {
  /** A folder of its own, where it is started. */
  readonly folder: string;
  readonly target: string;
  /** Of `drayage.yaml`: neither routes nor a database are among them. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** All that it has of an environment besides PATH and HOME. */
  readonly env: NodeJS.ProcessEnv;
}

/** `dray replicator` as in another cloud: a configuration and an environment of its own, with no word of a database. */
export const startRemoteReplicator = async (name: string, options: RemoteReplicator): Promise<Child> => {
  const { folder, target, configuration, env } = options;
  await mkdir(folder, { recursive: true });
  const file = join(folder, "drayage.yaml");
  await writeFile(file, JSON.stringify({ version: 1, ...configuration }, null, 2));
  return start(process.execPath, [...drayCommand(CHECKOUT), "--config", file, "replicator", "--target", target], {
    name,
    log: join(folder, `${name}.log`),
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, ...env },
  });
};
