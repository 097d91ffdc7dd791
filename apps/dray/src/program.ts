import { createRequire } from "node:module";
import tab from "@bomb.sh/tab/commander";
import { Command, type CommanderError, Option } from "commander";
import { ExitCode } from "./exit-code.ts";
import { LATER } from "./later.ts";
import { runCommand } from "./run-command.ts";

/** Options that every command takes. */
export interface Globals {
  readonly config?: string;
  readonly json?: boolean;
}

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };

/**
 * The command line. A command's module is loaded when it is run, so that `dray copy` does not pay for a database driver
 * (start-up is a feature: docs/decisions/0004).
 */
export const program = (): Command => {
  const dray = new Command("dray")
    .description("Keeps container registries in step: every push, delete and promotion reaches every target.")
    .version(version)
    .addOption(new Option("-c, --config <file>", "configuration file (default: $DRAYAGE_CONFIG, then ./drayage.yaml)"))
    .addOption(new Option("--json", "print JSON for machines"))
    .showHelpAfterError("(run with --help for usage)")
    .exitOverride(exit);

  const command = (usage: string, description: string) =>
    dray.command(usage).description(description).exitOverride(exit);
  const globals = (): Globals => dray.opts<Globals>();

  command("up", "run everything in one process: ingest, dispatcher, replicators, reconciler and admin").action(
    async () => runCommand((await import("./commands/up.ts")).up(globals())),
  );
  for (const [role, text] of ROLES) {
    command(role, `run ${text} alone`).action(async () =>
      runCommand((await import("./commands/role.ts")).role(globals(), { role })),
    );
  }
  command("replicator", "run the replicator of one target alone")
    .requiredOption("-t, --target <name>", "registry name of the target")
    .action(async (options: { readonly target: string }) =>
      runCommand((await import("./commands/role.ts")).role(globals(), { role: "replicator", target: options.target })),
    );
  command("reconciler", "compare both sides on schedule, or once, and have the drift repaired")
    .option("--once", "compare everything once, then end")
    .option("--dry-run", "with --once: print the drift, append nothing")
    .option("-t, --target <name>", "with --once: this target only")
    .option("-r, --route <name>", "with --once: this route only")
    .action(async (options: ReconcilerOptions) =>
      runCommand((await import("./commands/reconciler.ts")).reconcilerCommand(globals(), options)),
    );
  command("copy <source> <destination>", "copy an image between registries; needs no server and no configuration")
    .option("-a, --all-tags", "all tags of the repository")
    .option("--referrers", "signatures, attestations and SBOMs too")
    .option("--plain-http <host...>", "talk plain HTTP to these hosts (loopback hosts always)")
    .option("--deep", "ask for every child and blob, which heals a half image")
    .option("--dry-run", "show what would be copied")
    .action(async (source: string, destination: string, options: CopyOptions) =>
      runCommand((await import("./commands/copy.ts")).copy(globals(), source, destination, options)),
    );
  command("diff", "compare source and targets in full; changes nothing (exit 0 in step, 1 drift, 2 could not compare)")
    .option("-r, --route <name>", "this route only")
    .option("-t, --target <name>", "this target only")
    .action(async (options: { readonly route?: string; readonly target?: string }) =>
      runCommand((await import("./commands/diff.ts")).diff(globals(), options)),
    );
  command("status", "health, lag and backlog of every target").action(async () =>
    runCommand((await import("./commands/status.ts")).status(globals())),
  );
  command("events", "the log")
    .option("-f, --follow", "go on as events arrive")
    .option("--since <when>", "a log position, an ISO time, or an age such as 2h (default: the last 50)")
    .option("--type <name...>", "only these types, e.g. ImagePushed or io.drayage.image.pushed.v1")
    .action(async (options: EventsOptions) =>
      runCommand((await import("./commands/events.ts")).events(globals(), options)),
    );
  command("retry [delivery...]", "try parked deliveries again: all of them, of one target, or the ones named")
    .option("-t, --target <name>", "parked deliveries of this target")
    .option("--why <reason>", "kept in the log", "asked for on the command line")
    .action(async (ids: ReadonlyArray<string>, options: { readonly target?: string; readonly why: string }) =>
      runCommand((await import("./commands/retry.ts")).retry(globals(), ids, options)),
    );
  const config = command("config", "the configuration");
  config
    .command("check")
    .description("validate the configuration")
    .option("--no-secrets", "do not ask for secrets that are not here")
    .exitOverride(exit)
    .action(async (options: { readonly secrets: boolean }) =>
      runCommand((await import("./commands/config.ts")).check(globals(), options)),
    );
  config
    .command("schema")
    .description("print the JSON Schema of drayage.yaml")
    .exitOverride(exit)
    .action(async () => runCommand((await import("./commands/config.ts")).schema()));
  command("demo", "registries, images and replication on this machine, nothing to set up")
    .option("--once", "end after the tour")
    .action(async (options: { readonly once?: boolean }) =>
      runCommand((await import("./commands/demo.ts")).demo(globals(), options)),
    );
  for (const [name, text] of LATER) {
    dray
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        process.stderr.write(`dray: '${name}' is not available in this version (${text})\n`);
        process.exitCode = ExitCode.unable;
      });
  }
  tab(dray);
  return dray;
};

const ROLES = [
  ["ingest", "the receiver of notifications"],
  ["dispatcher", "the dispatcher"],
  ["admin", "the admin API"],
] as const;

export interface CopyOptions {
  readonly allTags?: boolean;
  readonly referrers?: boolean;
  readonly plainHttp?: ReadonlyArray<string>;
  readonly deep?: boolean;
  readonly dryRun?: boolean;
}
export interface ReconcilerOptions {
  readonly once?: boolean;
  readonly dryRun?: boolean;
  readonly target?: string;
  readonly route?: string;
}
export interface EventsOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly type?: ReadonlyArray<string>;
}

/** Wrong usage is "unable" (2); help and version are a success. */
const exit = (error: CommanderError): never => {
  process.exit(error.exitCode === 0 ? ExitCode.ok : ExitCode.unable);
};
