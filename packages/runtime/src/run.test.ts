import { spawn } from "node:child_process";
import { once } from "node:events";
import * as Cause from "effect/Cause";
import * as Data from "effect/Data";
import * as Exit from "effect/Exit";
import * as Runtime from "effect/Runtime";
import { describe, expect, it } from "vitest";
import { EXIT_DEFECT, endOf } from "./run.ts";

class Refused extends Data.TaggedError("Refused")<{ readonly what: string }> {
  override get message(): string {
    return `${this.what} was refused`;
  }
}
class Usage extends Data.TaggedError("Usage")<Record<never, never>> {
  override readonly [Runtime.errorExitCode] = 64;
}

describe("the end of a program", () => {
  it.each([
    ["a success", Exit.succeed(1), false, { code: 0 }],
    ["a typed failure", Exit.fail(new Refused({ what: "it" })), false, { code: 1, line: "it was refused" }],
    ["a failure without a message", Exit.fail({ _tag: "Odd" }), false, { code: 1, line: "Odd" }],
    ["a failure with a code of its own", Exit.fail(new Usage()), false, { code: 64, line: "Usage" }],
    ["a stop that was asked for", Exit.interrupt(1), true, { code: 0 }],
  ])("%s", (_name, exit, asked, expected) => expect(endOf<unknown, unknown>(exit, asked)).toEqual(expected));

  it("a defect is told from a failure, also when both happened, and prints its stack", () => {
    const both = Exit.failCause(Cause.combine(Cause.fail(new Refused({ what: "it" })), Cause.die(new Error("bug"))));
    const end = endOf(both, false);
    expect(end.code).toBe(EXIT_DEFECT);
    expect(end.line).toContain("run.test.ts");
    expect(endOf(Exit.interrupt(1), false).code).toBe(EXIT_DEFECT);
  });
});

/** A process of its own that runs `program` (the argument of runApp) and sends it these signals, each after a line on stdout. */
const child = async (program: string, signals: ReadonlyArray<NodeJS.Signals> = []) => {
  const source = `
    import * as Effect from "effect/Effect";
    import * as Data from "effect/Data";
    import { runApp } from ${JSON.stringify(new URL("run.ts", import.meta.url).href)};
    const say = (text) => Effect.sync(() => console.log(text));
    runApp("app", ${program});
  `;
  const spawned = spawn(process.execPath, ["--conditions=drayage-source", "--input-type=module", "-e", source], {
    cwd: import.meta.dirname,
    env: { ...process.env, DRAYAGE_LOG: "text" },
  });
  const waiting = [...signals];
  let stdout = "";
  let stderr = "";
  spawned.stdout.on("data", (piece) => {
    stdout += piece;
    const signal = waiting.shift();
    if (signal !== undefined) spawned.kill(signal);
  });
  spawned.stderr.on("data", (piece) => {
    stderr += piece;
  });
  const [code] = await once(spawned, "close");
  return { code, stdout, stderr };
};

describe("a process", () => {
  it("that is asked to stop runs its finalizers and exits with 0", async () => {
    const end = await child(
      `Effect.gen(function* () {
        yield* Effect.acquireRelease(Effect.void, () => say("cleaned"));
        yield* say("up");
        yield* Effect.never;
      })`,
      ["SIGTERM"],
    );
    expect(end).toEqual({ code: 0, stdout: "up\ncleaned\n", stderr: "" });
  });

  it("that hangs in a finalizer ends at the second signal", async () => {
    const end = await child(
      `Effect.gen(function* () {
        yield* Effect.acquireRelease(Effect.void, () => say("stuck").pipe(Effect.andThen(Effect.never)));
        yield* say("up");
        yield* Effect.never;
      })`,
      ["SIGINT", "SIGINT"],
    );
    expect(end.code).toBe(130);
    expect(end.stderr).toBe("app: ends at once: a second signal (SIGINT) came\n");
  });

  it("that fails prints one line and exits with 1; a defect exits with 70", async () => {
    const failed = await child(
      `Effect.fail(new (class extends Data.TaggedError("Bad") { get message() { return "it is bad: mend it"; } })())`,
    );
    expect(failed).toEqual({ code: 1, stdout: "", stderr: "app: it is bad: mend it\n" });
    const died = await child(`Effect.die(new Error("bug"))`);
    expect(died.code).toBe(EXIT_DEFECT);
    expect(died.stderr).toContain("Error: bug");
  });

  it("that succeeds ends although a handle was left open", async () => {
    const end = await child(`Effect.sync(() => { setInterval(() => {}, 1000); console.log("done"); })`);
    expect(end).toEqual({ code: 0, stdout: "done\n", stderr: "" });
  });
});
