import { createRequire } from "node:module";
import tab from "@bomb.sh/tab/commander";
import { Command, type CommanderError, Option } from "commander";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { CliError } from "./cli-error.ts";
import type { WebhookOptions } from "./commands/artifactory-webhook.ts";
import { EXAMPLES } from "./examples.ts";
import { ExitCode } from "./exit-code.ts";
import { LATER } from "./later.ts";

/** Options that every command takes. */
export interface Globals {
  readonly config?: string;
  readonly json?: boolean;
}

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };

/**
 * The command line. What a command needs is loaded when it is run, so that `--help` and the completion of a shell load nothing, and
 * `dray copy` pays for no database driver (start-up is a feature: docs/decisions/0004).
 */
export const program = (): Command => {
  const dray = new Command("dray")
    .description("Keeps container registries in step: every push, delete and promotion reaches every target.")
    .version(version)
    .option("-c, --config <file>", "configuration file (default: $DRAYAGE_CONFIG, then ./drayage.yaml)")
    .option("--json", "print JSON for machines");
  common(dray);
  dray.addHelpText("after", "\nTo begin: dray demo, or write a drayage.yaml and run dray config check, then dray up.");
  const globals = (): Globals => dray.opts<Globals>();
  const command = (usage: string, description: string, parent = dray): Command =>
    common(parent.command(usage).description(description));

  running(command, globals);
  copying(command, globals);
  looking(command, globals);
  settingUp(command, globals);
  const config = command("config", "the configuration");
  command("check", "validate the configuration: every problem at once, with its line", config)
    .option("--no-secrets", "do not ask for secrets that are not here")
    .action(async (options: { readonly secrets: boolean }) =>
      run((await import("./commands/config.ts")).check(globals(), options)),
    );
  command("schema", "print the JSON Schema of drayage.yaml, for editors", config).action(async () =>
    run((await import("./commands/config.ts")).schema),
  );
  artifactory(command, globals);
  command("demo", "registries, images and replication on this machine, nothing to set up")
    .option("--once", "end after the tour: exit 0 when all of it came true")
    .action(async (options: { readonly once?: boolean }) =>
      (options.once === true ? run : runUntilStopped)((await import("./commands/demo.ts")).demo(globals(), options)),
    );
  for (const [name, text] of LATER) refuse(dray, name, text);
  tab(dray);
  // The library's own words; ours begin in lower case.
  dray.commands.find((one) => one.name() === "complete")?.description("print the completion script of a shell");
  return dray;
};

type NewCommand = (usage: string, description: string, parent?: Command) => Command;

/** What runs until it is stopped. */
const running = (command: NewCommand, globals: () => Globals): void => {
  command("up", "run everything in one process: ingest, dispatcher, replicators, reconciler and admin").action(
    async () => runUntilStopped((await import("./commands/up.ts")).up(globals())),
  );
  for (const [role, text] of ROLES) {
    command(role, `run ${text} alone`).action(async () =>
      runUntilStopped((await import("./commands/role.ts")).role(globals(), { role })),
    );
  }
  command("replicator", "run the replicator of one target alone")
    .requiredOption("-t, --target <name>", "registry name of the target")
    .action(async ({ target }: { readonly target: string }) =>
      runUntilStopped((await import("./commands/role.ts")).role(globals(), { role: "replicator", target })),
    );
  command("reconciler", "compare both sides on schedule, or once, and have the drift repaired")
    .option("--once", "compare everything once, then end")
    .option("--dry-run", "with --once: print the drift, append nothing")
    .option("-t, --target <name>", "with --once: this target only")
    .option("-r, --route <name>", "with --once: this route only")
    .action(async (options: ReconcilerOptions) =>
      (options.once === true ? run : runUntilStopped)(
        (await import("./commands/reconciler.ts")).reconcilerCommand(globals(), options),
      ),
    );
};

const copying = (command: NewCommand, globals: () => Globals): void => {
  command(
    "copy <source> <destination>",
    "copy images between registries and OCI image layouts (oci:DIR[:TAG]); needs no server and no configuration",
  )
    .option("-a, --all-tags", "all tags of the repository")
    .option("--referrers", "signatures, attestations and SBOMs too")
    .option("--artifact-type <type>", "with --referrers: only of this type, may be repeated", repeated)
    .option("--platform <platform>", "only this platform of an index (linux/amd64), may be repeated", repeated)
    .option("--rewrite-index", "with --platform: put an index of these alone, which has another digest")
    .option("--foreign-layers", "layers that are not to be passed on too, if the source holds them")
    // Once for each host: a list of them would swallow SOURCE and DESTINATION.
    .option("--plain-http <host>", "talk plain HTTP to this host, may be repeated (loopback always)", repeated)
    .option("--deep", "ask for every child and blob, which heals a half image")
    .option("--dry-run", "show what would be copied")
    .action(async (source: string, destination: string, options: CopyOptions) =>
      run((await import("./commands/copy.ts")).copy(globals(), source, destination, options)),
    );
};

/** What looks at a Drayage that runs, and steers it. */
const looking = (command: NewCommand, globals: () => Globals): void => {
  command("diff", "compare source and targets in full; changes nothing")
    .option("-r, --route <name>", "this route only")
    .option("-t, --target <name>", "this target only")
    .action(async (options: { readonly route?: string; readonly target?: string }) =>
      run((await import("./commands/diff.ts")).diff(globals(), options)),
    );
  command("status", "health, lag and backlog of every target").action(async () =>
    run((await import("./commands/status.ts")).status(globals())),
  );
  const events = command("events", "the log: what happened, oldest first");
  events
    .option("-f, --follow", "go on as events arrive")
    .option("--since <when>", "after a log position, or since an ISO time or an age such as 2h (default: the last 50)")
    .option("--type <name...>", "only these types, e.g. ImagePushed or io.drayage.image.pushed.v1")
    .action(async (options: EventsOptions) =>
      runUntilStopped((await import("./commands/events.ts")).events(globals(), options)),
    );
  events
    .command("export")
    .description("a part of the log as CloudEvents, one JSON document a line")
    .option(
      "--since <when>",
      "after a log position, or since an ISO time or an age such as 2h (default: from the beginning)",
    )
    .option("--until <when>", "up to a log position, or before an ISO time or an age (default: all there is now)")
    .option("--type <name...>", "only these types, e.g. ImagePushed or io.drayage.image.pushed.v1")
    .option("-o, --output <file>", "a new file (default: standard output)")
    // Those that `events` has as well arrive there, wherever they stand.
    .action(async (_own: ExportOptions, exporting: Command) =>
      run(
        (await import("./commands/events-export.ts")).exportEvents(
          globals(),
          exporting.optsWithGlobals<ExportOptions>(),
        ),
      ),
    );
  command(
    "doctor",
    "try every registry as the routes use it: connection, credentials, rights, clock; says what to mend",
  )
    .option("--egress", "list every host and port that is connected to instead")
    .action(async (options: { readonly egress?: boolean }) =>
      run((await import("./commands/doctor.ts")).doctor(globals(), options)),
    );
  command("retry [delivery...]", "try parked deliveries again: all of them, of one target, or the ones named")
    .option("-t, --target <name>", "parked deliveries of this target")
    .option("--why <reason>", "kept in the log", WHY)
    .action(async (ids: ReadonlyArray<string>, options: { readonly target?: string; readonly why: string }) =>
      run((await import("./commands/parked.ts")).retry(globals(), ids, options)),
    );
  command("discard [delivery...]", "give parked deliveries up: the ones named, or of one target")
    .option("-t, --target <name>", "parked deliveries of this target")
    .option("--why <reason>", "kept in the log", WHY)
    .action(async (ids: ReadonlyArray<string>, options: { readonly target?: string; readonly why: string }) =>
      run((await import("./commands/parked.ts")).discard(globals(), ids, options)),
    );
  command("pause <target>", "begin no new work at a target; what is being worked on is finished")
    .option("--why <reason>", "kept in the log", WHY)
    .action(async (target: string, { why }: { readonly why: string }) =>
      run((await import("./commands/pause.ts")).pause(globals(), target, why)),
    );
  command("resume <target>", "go on at a target that was paused")
    .option("--why <reason>", "kept in the log", WHY)
    .action(async (target: string, { why }: { readonly why: string }) =>
      run((await import("./commands/pause.ts")).resume(globals(), target, why)),
    );
  command("backfill", "bring what the targets of a route lack, behind all that is told meanwhile")
    .requiredOption("-r, --route <name>", "this route")
    .option("-t, --target <name>", "this target only")
    .option("--window <hours>", "work on the backfill of its targets only then, e.g. 20:00-06:00; always: at any time")
    .option("--zone <name>", "time zone of the window (default: that of this machine)")
    .option("--dry-run", "estimate tags, bytes and hours, append nothing")
    .option("--pause", "begin no backfill at its targets until --resume; everything else goes on")
    .option("--resume", "go on with it")
    .option("--why <reason>", "kept in the log", WHY)
    .action(async (options: BackfillOptions) =>
      run((await import("./commands/backfill.ts")).backfill(globals(), options)),
    );
  command("replay", "look again at all that was asked of a target since a position or a time, parked deliveries too")
    .requiredOption("-t, --target <name>", "registry name of the target")
    .requiredOption("--from <when>", "after a log position, or since an ISO time or an age such as 2h")
    .addOption(
      new Option("--depth <depth>", "tag may end with equal digests, deep walks children and blobs")
        .choices(["tag", "referrers", "deep"])
        .default("tag"),
    )
    .option("--why <reason>", "kept in the log", WHY)
    .action(async (options: ReplayOptions) => run((await import("./commands/replay.ts")).replay(globals(), options)));
};

/** What only one type of registry has. */
const artifactory = (command: NewCommand, globals: () => Globals): void => {
  const webhook = command("webhook", "its webhooks", command("artifactory", "JFrog Artifactory"));
  command("apply", "create or update the webhooks that tell ingest what happens there", webhook)
    .requiredOption(
      "-u, --url <address>",
      "ingest as Artifactory reaches it; /notifications/<registry> follows by itself",
    )
    .option("-r, --registry <name>", "which one, where the configuration has several")
    .option("--domain <name...>", "docker, artifact or artifact_property, each a webhook of its own", ["docker"])
    .option("--key <key>", "key of the webhook in Artifactory", "drayage")
    .option("--repository-key <key...>", "for these repository keys only (default: all local and federated ones)")
    .option("--token-env <variable>", "has an administrator's access token (default: the registry's own credentials)")
    .option("--dry-run", "show what would be sent, change nothing")
    .action(async (options: WebhookOptions) =>
      run((await import("./commands/artifactory-webhook.ts")).applyWebhooks(globals(), options)),
    );
};

/** What is set up elsewhere for us. */
const settingUp = (command: NewCommand, globals: () => Globals): void => {
  command("apply", "make the topics and subscriptions of every target", command("bus", "the bus over Google Pub/Sub"))
    .option("--dry-run", "show what would be made or changed, change nothing")
    .action(async (options: { readonly dryRun?: boolean }) =>
      run((await import("./commands/bus.ts")).apply(globals(), options)),
    );
};

/** Where nobody gave a reason. */
const WHY = "asked for on the command line";

const repeated = (value: string, before: ReadonlyArray<string> = []): ReadonlyArray<string> => [...before, value];

type Work = Effect.Effect<ExitCode, CliError, Scope.Scope>;

const run = async (command: Work): Promise<void> =>
  (await import("./run-command.ts")).runCommand(command, "to-its-end");
/** To be stopped is how these end well. */
const runUntilStopped = async (command: Work): Promise<void> =>
  (await import("./run-command.ts")).runCommand(command, "until-stopped");

/** Wrong usage is "unable" (2) and reads like every other error of ours; help and version are a success. */
const common = (command: Command): Command => {
  const examples = examplesOf(command);
  if (examples.length > 0) command.addHelpText("after", `\nExamples:\n${examples.map((one) => `  ${one}\n`).join("")}`);
  return command
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "dray: ")) })
    .showHelpAfterError(`(${pathOf(command)} --help tells how)`)
    .exitOverride(exit);
};

/** Under the last word of a command, or under the last two where several end in the same word. */
export const examplesOf = (command: Command): ReadonlyArray<string> =>
  EXAMPLES[`${command.parent?.name()} ${command.name()}`] ?? EXAMPLES[command.name()] ?? [];

/** `dray config check`. */
export const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

const exit = (error: CommanderError): never => {
  process.exit(error.exitCode === 0 ? ExitCode.ok : ExitCode.unable);
};

/** A command of the design that is not whole yet: refused by name, whatever follows it. */
const refuse = (dray: Command, name: string, text: string): void => {
  dray
    .command(name, { hidden: true })
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      process.stderr.write(`dray: '${name}' is not available in this version (${text})\n`);
      process.exitCode = ExitCode.unable;
    });
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
  readonly artifactType?: ReadonlyArray<string>;
  readonly platform?: ReadonlyArray<string>;
  readonly rewriteIndex?: boolean;
  readonly foreignLayers?: boolean;
  readonly deep?: boolean;
  readonly dryRun?: boolean;
}
export interface BackfillOptions {
  readonly route: string;
  readonly target?: string;
  readonly window?: string;
  readonly zone?: string;
  readonly dryRun?: boolean;
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly why: string;
}
export interface ReplayOptions {
  readonly target: string;
  readonly from: string;
  readonly depth: "tag" | "referrers" | "deep";
  readonly why: string;
}
export interface ReconcilerOptions {
  readonly once?: boolean;
  readonly dryRun?: boolean;
  readonly target?: string;
  readonly route?: string;
}
export interface ExportOptions {
  readonly since?: string;
  readonly until?: string;
  readonly type?: ReadonlyArray<string>;
  readonly output?: string;
  readonly follow?: boolean;
}
export interface EventsOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly type?: ReadonlyArray<string>;
}
