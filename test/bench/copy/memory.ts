import { fork } from "node:child_process";
import { join } from "node:path";
import type { Contender } from "./contenders.ts";
import { type Cost, measure } from "./measure.ts";

/** The most memory that a copy of one layer had resident, by the size of the layer in MiB. */
export interface LayerMemory {
  readonly mib: number;
  readonly cost: Cost;
}

/** Copies a layer that is made up while it is read to a target that verifies and discards it: disks and registries have no part in the figure. */
export const measureLayer = async (contender: Contender, mib: number, folder: string): Promise<LayerMemory> => {
  const child = fork(join(import.meta.dirname, "endless.ts"), [String(mib)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    const ports = await new Promise<ReadonlyArray<number>>((resolve, reject) => {
      child.once("message", (message) => resolve(message as ReadonlyArray<number>));
      child.once("exit", (code) => reject(new Error(`the made-up registries ended with ${code}`)));
    });
    const [source = 0, target = 0] = ports;
    const command = await contender.command({
      source: `127.0.0.1:${source}`,
      target: `127.0.0.1:${target}`,
      repositories: [{ name: "layer", tags: new Map() }],
      folder,
    });
    if (command === undefined) throw new Error(`${contender.name} has no command for one repository`);
    return { mib, cost: await measure(command, join(folder, "layer.log")) };
  } finally {
    child.kill();
  }
};
