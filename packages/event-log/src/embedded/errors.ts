import * as Data from "effect/Data";

/** Which step of bringing up the embedded server failed. */
export type EmbeddedStep = "directory" | "user" | "binaries" | "lock" | "initdb" | "sockets" | "start";

/** The embedded server could not be brought up. */
export class EmbeddedError extends Data.TaggedError("EmbeddedError")<{
  readonly step: EmbeddedStep;
  /** What happened, where and what to do: one line. */
  readonly detail: string;
  readonly cause?: unknown;
}> {
  override get message(): string {
    return `embedded database: ${this.step}: ${this.detail}`;
  }
}

/** Another process owns the embedded server of this directory. */
export class AlreadyOwned extends Data.TaggedError("AlreadyOwned")<{
  readonly dataDir: string;
  /** Process id of the owner, as that process sees itself. */
  readonly pid: number;
}> {
  override get message(): string {
    return `embedded database: ${this.dataDir} is in use by process ${this.pid}: stop it, or use another dataDir`;
  }
}

/** A guest found no server: nobody runs one for this directory, or not yet. */
export class NotRunning extends Data.TaggedError("NotRunning")<{
  readonly dataDir: string;
  readonly detail: string;
}> {
  override get message(): string {
    return `embedded database: no server runs for ${this.dataDir} (${this.detail}): start it with \`dray up\``;
  }
}

export type EmbeddedFailure = EmbeddedError | AlreadyOwned | NotRunning;

/** The line that a failed call of the system or a child process left. */
export const causeLine = (cause: unknown): string => {
  const stderr =
    typeof cause === "object" && cause !== null && "stderr" in cause && typeof cause.stderr === "string"
      ? cause.stderr
      : "";
  const text = stderr.trim() === "" ? (cause instanceof Error ? cause.message : String(cause)) : stderr.trim();
  return text.replaceAll(/\s+/g, " ").slice(0, 500);
};
