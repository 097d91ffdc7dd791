import type { Command } from "commander";
import { LATER } from "../later.ts";
import { examplesOf, pathOf, program } from "../program.ts";

const HEAD = `<!-- Made by apps/dray/src/reference; do not edit. To write it again: UPDATE_DOCS=1 npx vitest run src/reference, in apps/dray. -->

# The command

From a checkout: \`npm run --silent dray -- COMMAND\`. Installed: \`dray COMMAND\`.

Results go to stdout, everything else to stderr. Colours and progress bars only appear in a terminal, and \`NO_COLOR\` turns the colours off.
Every command takes these options, before or after its name:
`;

const EXIT_CODES = `## Exit codes

| code | means |
|---|---|
| 0 | done, or in step; for what runs until it is stopped: it was stopped |
| 1 | the work failed, or the answer is no: an image was not copied, drift was found, \`doctor\` has findings, a role of \`dray up\` gave up |
| 2 | nothing was tried, or not everything could be compared: wrong usage, wrong configuration, no database, a listing that failed |
| 70 | a fault of Drayage: please report it with the trace |
| 129, 130, 143 | a command that has an end was stopped before it, by SIGHUP, SIGINT (Ctrl-C), SIGTERM; or a second signal came; or stopping took longer than 20 s |

\`diff\` and \`reconciler --once --dry-run\` follow diff(1): 0 in step, 1 different, 2 could not compare everything.
\`doctor\` does too: 0 all is well, 1 errors or warnings, 2 none of them and not everything could be tried.

## What doctor tries

For every registry, through its \`proxy\`, \`endpoint\` and \`tls\`: name and connection, certificate, each of the credentials, the clock (more than 60 s
apart is a warning, more than 5 min an error) and what only its type has. At a source it lists tags, reads a manifest and opens a blob of
repositories that the routes name, or of the first that they select of the catalogue. At a target it opens an upload where the routes would
write, and cancels it. That we may delete is never tried. Then the secrets of notifications, the database and \`dataDir\`. It changes nothing.

Each finding has a severity (\`error\`, \`warning\`, \`unknown\`: could not be tried, \`note\`), the key of drayage.yaml, what is wrong and what to
do; \`--json\` prints \`{ ok, findings: [{ severity, key, what, mend }] }\`. \`--egress\` prints hosts instead: those that follow from the configuration, and
token servers and storage hosts that registries named while they were tried; \`--json\`: \`{ complete, hosts: [{ host, port, purpose, known, via, key }] }\`.

## Signals

SIGINT, SIGTERM and SIGHUP stop in good order: work under way is handed back, the embedded database is shut down. This takes less than a second
as a rule and at most 20 s. A second signal ends the process at once. After SIGKILL the embedded database goes on running until the next
\`dray up\` takes it over; only that of \`dray demo\` ends by itself.

## Environment

| variable | means |
|---|---|
| \`DRAYAGE_CONFIG\` | configuration file, where \`--config\` names none |
| \`DRAYAGE_TOKEN\` | token for the admin API, where the configuration has \`admin.tokens\`; used by \`status\` and \`events\` |
| \`DRAYAGE_LOG\` | \`text\` or \`json\`: how \`up\` and the roles write their log to stderr; default \`text\` in a terminal, else \`json\` |
| \`DRAYAGE_LOG_LEVEL\` | \`trace\`, \`debug\`, \`info\`, \`warn\`, \`error\` or \`none\`; default \`info\`, for \`demo\` \`warn\` |
| \`DOCKER_CONFIG\` | directory of Docker's config.json, for \`dray copy\` and \`auth: docker-config\` |
| \`NO_COLOR\` | no colours |
| \`NODE_COMPILE_CACHE\` | a directory where Node keeps compiled code: commands start about a third faster |

What else a configuration reads from the environment, it names as \`\${env:NAME}\`.

## What asks whom

\`status\` and \`events\` ask the admin API where it answers, else the database. Every other command that needs it uses the database. None of them
starts or stops anything, so they are safe beside \`dray up\`. With the embedded database they need a \`dray up\` that runs; \`diff\` alone goes on without
it, and says that it cannot tell what is extra at a target.
`;

/** docs/reference/command.md, from the command line as it is. */
export const commandReference = (): string => {
  const dray = program();
  return [
    HEAD,
    table(dray),
    ...leaves(dray).map(section),
    EXIT_CODES,
    "## Not in this version\n",
    `Refused by name, with exit code 2: ${LATER.map(([name]) => `\`${name}\``).join(", ")}.\n`,
  ].join("\n");
};

/** The commands that do something, in the order of the help. */
export const leaves = (command: Command): ReadonlyArray<Command> =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== "help")
    .flatMap((one) => {
      if (one.commands.length === 0 || one.name() === "complete") return [one];
      return one.options.length > 0 ? [one, ...leaves(one)] : leaves(one); // `events` does something, `config` does not
    });

const section = (command: Command): string => {
  const examples = examplesOf(command);
  const usage = [pathOf(command), ...command.registeredArguments.map(argument)].join(" ");
  return [
    `## ${pathOf(command)}\n`,
    `\`${usage}\`\n`,
    `${sentence(command.description())}\n`,
    ...(command.options.length > 0 ? [table(command)] : []),
    ...(examples.length > 0 ? [`\`\`\`sh\n${examples.join("\n")}\n\`\`\`\n`] : []),
  ].join("\n");
};

const argument = (one: Command["registeredArguments"][number]): string => {
  const name = `${one.name().toUpperCase()}${one.variadic ? "..." : ""}`;
  return one.required ? name : `[${name}]`;
};

const table = (command: Command): string =>
  [
    "| option | means |",
    "|---|---|",
    ...command.options.map(
      ({ flags, description, mandatory, defaultValue }) =>
        `| \`${flags}\` | ${description}${mandatory ? " (must be given)" : ""}${typeof defaultValue === "string" ? ` (default: ${defaultValue})` : ""} |`,
    ),
    "",
  ].join("\n");

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
