import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import type { CliError } from "./cli-error.ts";
import { ExitCode } from "./exit-code.ts";

/** How long finalizers may take after a first Ctrl-C; a second one ends at once. */
const STOP_MOST_MS = 20_000;

/**
 * Runs one command to its exit code. Interrupts on SIGINT and SIGTERM, prints a typed failure as one line on stderr, and a
 * defect with its trace.
 */
export const runCommand = async (command: Effect.Effect<ExitCode, CliError, Scope.Scope>): Promise<void> => {
  const stop = new AbortController();
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(130);
    stop.abort();
    setTimeout(() => process.exit(130), STOP_MOST_MS).unref();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const exit = await Effect.runPromiseExit(Effect.scoped(command), { signal: stop.signal });
  process.exitCode = report(exit);
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
};

const report = (exit: Exit.Exit<ExitCode, CliError>): number => {
  if (Exit.isSuccess(exit)) return exit.value;
  if (Cause.hasInterruptsOnly(exit.cause)) return ExitCode.ok; // a stop that was asked for
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause));
  if (error !== undefined) {
    process.stderr.write(`dray: ${error.message}\n${error.mend === undefined ? "" : `      ${error.mend}\n`}`);
    return error.exitCode;
  }
  process.stderr.write(`dray: a defect, please report it:\n${Cause.pretty(exit.cause)}\n`);
  return ExitCode.defect;
};
