import * as Effect from "effect/Effect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CliError, failed, unable } from "./cli-error.ts";
import type { ExitCode } from "./exit-code.ts";
import { type Course, runCommand } from "./run-command.ts";

let said = "";
beforeEach(() => {
  said = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  // The guards that end a process which hangs must not end the test's own.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const codeOf = async (command: Effect.Effect<ExitCode, CliError>, course: Course = "to-its-end") => {
  await runCommand(command, course);
  return process.exitCode;
};

describe("the end of a command", () => {
  it("gives its exit code and says nothing", async () => {
    expect(await codeOf(Effect.succeed(1))).toBe(1);
    expect(await codeOf(Effect.succeed(0))).toBe(0);
    expect(said).toBe("");
  });

  it("by a failure is its message, and below how to mend it", async () => {
    expect(await codeOf(failed("no"))).toBe(1);
    expect(await codeOf(unable("cannot", "do this\n\nor: that"))).toBe(2);
    expect(said).toBe("dray: no\ndray: cannot\n      do this\n\n      or: that\n");
  });

  it("by a defect is 70 with a trace, whatever else went wrong", async () => {
    const both = Effect.all([Effect.die(new Error("broken")), unable("cannot")], { concurrency: 2 });
    expect(await codeOf(Effect.as(both, 0 as const))).toBe(70);
    expect(said).toContain("a fault of Drayage, please report it:\nError: broken");
    expect(said).toContain("run-command.test.ts");
  });

  it.each([
    ["SIGINT", "until-stopped", 0],
    ["SIGTERM", "until-stopped", 0],
    ["SIGHUP", "until-stopped", 0],
    ["SIGINT", "to-its-end", 130],
    ["SIGTERM", "to-its-end", 143],
  ] as const)("by %s, running %s, is %i, after its finalizers", async (signal, course, code) => {
    let closed = false;
    const command = Effect.andThen(
      Effect.sync(() => process.emit(signal)),
      Effect.never,
    ).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          closed = true;
        }),
      ),
    );
    expect(await codeOf(command, course)).toBe(code);
    expect(closed).toBe(true);
    expect(said).toBe("");
    expect(process.listenerCount(signal)).toBe(0);
  });
});
