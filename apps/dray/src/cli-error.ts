import * as Data from "effect/Data";
import { ExitCode } from "./exit-code.ts";

/** What a person is told: what happened, on which side, and what to do. One line each. */
export class CliError extends Data.TaggedError("CliError")<{
  readonly message: string;
  readonly mend?: string | undefined;
  readonly exitCode: ExitCode;
}> {}

export const unable = (message: string, mend?: string): CliError =>
  new CliError({ message, mend, exitCode: ExitCode.unable });
export const failed = (message: string, mend?: string): CliError =>
  new CliError({ message, mend, exitCode: ExitCode.failed });
