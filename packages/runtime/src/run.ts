import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import * as Runtime from "effect/Runtime";
import type * as Scope from "effect/Scope";
import { lineOf, processLogSettings } from "./logging.ts";

/** A defect is a fault of ours: EX_SOFTWARE of sysexits.h, apart from the 1 of a failure that a person can mend. */
export const EXIT_DEFECT = 70;
/**
 * From the request to stop, or from the end of the work, to the end of the process. The HTTP drain (5 s) and the stop of an embedded
 * database fit in; the 30 s after which Kubernetes kills do not come first.
 */
const STOP_MAX_MS = 25_000;
/** For stdout to be read by a slow reader after a success, before the process is ended in spite of open handles. */
const LEFT_OPEN_MS = 1_000;

/**
 * Runs an app as the main program of this process.
 *
 * SIGTERM or SIGINT interrupts it, its finalizers run, and the exit code is 0: a stop that was asked for is a success. A second signal, or
 * 25 s, end the process at once with 128 + the signal's number. A typed failure prints its message on stderr and exits with 1, or with the
 * code the error carries under `Runtime.errorExitCode`. A defect prints its stack and exits with 70.
 */
export const runApp = <A, E>(name: string, effect: Effect.Effect<A, E, Scope.Scope>): void => {
  const stop = watchSignals(name);
  const main = effect.pipe(
    Effect.onExit(() => Effect.sync(() => stop.bound("its finalizers"))),
    Effect.scoped,
  );
  const teardown: Runtime.Teardown = (exit, onExit) => {
    stop.release();
    const end = endOf(exit, stop.signal() !== undefined);
    if (end.line !== undefined) report(name, end.line);
    process.exitCode = end.code;
    // After a success the process ends by itself, with all it wrote; what was left open by mistake may not keep it.
    setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
    onExit(end.code);
  };
  NodeRuntime.runMain(main, { teardown, disableErrorReporting: true });
};

/** How a program that ended so ends its process: the exit code, and what to print. */
export const endOf = <A, E>(
  exit: Exit.Exit<A, E>,
  asked: boolean,
): { readonly code: number; readonly line?: string } => {
  if (Exit.isSuccess(exit)) return { code: 0 };
  const defect = exit.cause.reasons.find(Cause.isDieReason);
  if (defect !== undefined)
    return { code: EXIT_DEFECT, line: `a fault of Drayage, please report it: ${Cause.pretty(exit.cause)}` };
  const failure = Cause.findErrorOption(exit.cause);
  if (Option.isSome(failure)) return { code: Runtime.getErrorExitCode(failure.value), line: messageOf(failure.value) };
  return asked
    ? { code: 0 }
    : { code: EXIT_DEFECT, line: "was interrupted from inside, which is a fault of Drayage: please report it" };
};

/** The message of an error, or its tag where it has none. */
const messageOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error);
  if ("message" in error && typeof error.message === "string" && error.message !== "") return error.message;
  return "_tag" in error ? String(error._tag) : JSON.stringify(error);
};

/** The last line is part of the log where the log is for machines. */
const report = (name: string, text: string): void => {
  const settings = processLogSettings();
  const line =
    settings.form === "json"
      ? lineOf({ time: new Date(), level: "Fatal", message: `${name}: ${text}`, fields: {} }, settings)
      : `${name}: ${text}`;
  process.stderr.write(`${line}\n`);
};

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

const watchSignals = (name: string) => {
  let first: keyof typeof NUMBERS | undefined;
  let timer: NodeJS.Timeout | undefined;
  const force = (why: string): never => {
    report(name, `ends at once: ${why}`);
    process.exit(first === undefined ? EXIT_DEFECT : 128 + NUMBERS[first]);
  };
  const bound = (what: string): void => {
    timer ??= setTimeout(() => force(`${what} took longer than ${STOP_MAX_MS} ms`), STOP_MAX_MS).unref();
  };
  const listeners = (Object.keys(NUMBERS) as Array<keyof typeof NUMBERS>).map((signal) => {
    const listener = (): void => {
      if (first !== undefined) force(`a second signal (${signal}) came`);
      first = signal;
      bound("stopping");
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return {
    signal: () => first,
    bound,
    release: () => {
      clearTimeout(timer);
      for (const off of listeners) off();
    },
  };
};
