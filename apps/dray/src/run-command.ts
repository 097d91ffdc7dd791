import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import type { CliError } from "./cli-error.ts";
import { ExitCode } from "./exit-code.ts";
import { onReaderGone } from "./output/closed-pipe.ts";

/** How long finalizers may take after a first Ctrl-C; a second one ends at once. Below the 30 s after which Kubernetes kills. */
const STOP_MOST_MS = 20_000;
/** What was left open by mistake may not keep a command that has ended. */
const LEFT_OPEN_MS = 1_000;
/** SIGHUP: the terminal was closed, and nobody else would stop an embedded database. */
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
/** What a program that does not listen for it dies of when its reader goes away. */
const SIGPIPE = 13;

/** `until-stopped`: to be stopped is how it ends well. `to-its-end`: a stop leaves the work undone, and a script must see that. */
export type Course = "until-stopped" | "to-its-end";

/**
 * Runs one command to its exit code. A signal, or a reader of our output that goes away, interrupts it and its finalizers run; then the exit
 * code is 0 for what runs until it is stopped, else 128 + the signal. A second signal, or finalizers that take too long, end the process at
 * once. A typed failure is one line on stderr; a defect is printed with its trace.
 */
export const runCommand = async (
  command: Effect.Effect<ExitCode, CliError, Scope.Scope>,
  course: Course,
): Promise<void> => {
  const stop = new AbortController();
  let stoppedBy = 0;
  const interrupt = (number: number): void => {
    stoppedBy = 128 + number;
    stop.abort();
    setTimeout(() => process.exit(stoppedBy), STOP_MOST_MS).unref();
  };
  const off = Object.entries(SIGNALS).map(([name, number]) => {
    const listener = (): void => {
      if (stop.signal.aborted) process.exit(128 + number);
      interrupt(number);
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  const heard = onReaderGone(() => {
    if (!stop.signal.aborted) interrupt(SIGPIPE);
  });
  const exit = await Effect.runPromiseExit(Effect.scoped(command), { signal: stop.signal });
  for (const release of [...off, heard]) release();
  process.exitCode = report(exit) ?? (course === "until-stopped" ? ExitCode.ok : stoppedBy);
  setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
};

/** Prints what went wrong, if anything did, and says how the process ends; undefined: it was interrupted, as was asked. */
const report = (exit: Exit.Exit<ExitCode, CliError>): ExitCode | undefined => {
  if (Exit.isSuccess(exit)) return exit.value;
  if (exit.cause.reasons.some(Cause.isDieReason)) {
    process.stderr.write(`dray: a fault of Drayage, please report it:\n${Cause.pretty(exit.cause)}\n`);
    return ExitCode.defect;
  }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause));
  if (error === undefined) return undefined;
  process.stderr.write(`dray: ${error.message}\n${error.mend === undefined ? "" : `${indented(error.mend)}\n`}`);
  return error.exitCode;
};

/** Under the message, behind `dray: `. */
const indented = (mend: string): string => mend.trimEnd().replaceAll(/^(?=.)/gm, "      ");
