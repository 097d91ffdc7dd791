import { join } from "node:path";
import { CHECKOUT, drayCommand } from "../../e2e/harness/dray.ts";
import { type Child, start } from "../../e2e/harness/process.ts";

/** A role of the installation as one process that is started again whenever it dies. */
export interface RoleProcess {
  readonly name: string;
  readonly child: () => Child;
  readonly running: () => boolean;
  readonly start: () => Promise<void>;
  readonly kill: () => Promise<void>;
  /** SIGSTOP for a while: it goes on later as if nothing had happened. */
  readonly standStill: () => void;
  readonly goOn: () => void;
  readonly stop: () => Promise<void>;
}

export interface RoleOptions {
  readonly name: string;
  /** What follows `dray`. */
  readonly command: ReadonlyArray<string>;
  readonly configuration: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

export const startRole = async ({ name, command, configuration, folder, env }: RoleOptions): Promise<RoleProcess> => {
  const log = join(folder, `${name}.log`);
  const launch = (): Promise<Child> =>
    start(process.execPath, [...drayCommand(CHECKOUT), ...command], {
      name,
      log,
      env: { ...process.env, ...env, DRAYAGE_CONFIG: configuration },
    });
  let child = await launch();
  return {
    name,
    child: () => child,
    running: () => child.running(),
    start: async () => {
      if (!child.running()) child = await launch();
    },
    kill: async () => {
      await child.stop({ signal: "SIGKILL" });
    },
    standStill: () => child.kill("SIGSTOP"),
    goOn: () => child.kill("SIGCONT"),
    stop: async () => {
      child.kill("SIGCONT");
      await child.stop();
    },
  };
};
