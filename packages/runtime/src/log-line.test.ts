import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import { loggingTo, logSettings } from "./logging.ts";

const logged = (
  effect: Effect.Effect<unknown>,
  env: Record<string, string> = { DRAYAGE_LOG: "json" },
  terminal = false,
): string => {
  const lines: Array<string> = [];
  Effect.runSync(
    effect.pipe(
      Effect.provide(
        loggingTo(logSettings(env, terminal), (line) => {
          lines.push(line);
        }),
      ),
    ),
  );
  return lines.join("");
};

describe("a log entry", () => {
  it("is one JSON object a line, with objects and annotations as fields", () => {
    const text = logged(
      Effect.logInfo("accepted", { events: 2, size: 10n }).pipe(
        Effect.annotateLogs({ registry: "lab", level: "mine" }),
      ),
    );
    expect(text.endsWith("\n")).toBe(true);
    expect(text.trimEnd()).not.toContain("\n");
    expect(JSON.parse(text)).toMatchObject({
      level: "info",
      message: "accepted",
      events: 2,
      size: "10",
      registry: "lab",
    });
  });

  it("shows no secret, cycle or thrown getter as anything harmful", () => {
    const circle: Record<string, unknown> = { secret: Redacted.make("s3cret") };
    circle["self"] = circle;
    const text = logged(Effect.logWarning("odd", circle));
    expect(text).not.toContain("s3cret");
    expect(JSON.parse(text)).toMatchObject({ secret: "<redacted>", level: "warn" });
    const thrower = {
      get field(): string {
        throw new Error("no");
      },
    };
    expect(logged(Effect.logWarning("odd", [thrower]))).toContain("not printable");
  });

  it("carries the stack of an error and the reasons of a cause", () => {
    expect(JSON.parse(logged(Effect.logError("broke", new Error("why"))))["error"]).toContain("why");
    expect(
      JSON.parse(logged(Effect.die("why").pipe(Effect.catchCause((c) => Effect.logError("broke", c)))))["error"],
    ).toContain("why");
  });

  it("is readable in a terminal, and a foreign text cannot colour it or begin a line", () => {
    const text = logged(Effect.logInfo("pushed", { repository: "a\u001b[31m\nb", tag: "1 2" }), {}, true);
    expect(text).toContain("INFO");
    expect(text).toContain("\u001b[32m");
    expect(text.trimEnd()).not.toContain("\n");
    expect(text).not.toContain("\u001b[31m");
    expect(text).toContain('"1 2"');
    expect(logged(Effect.logInfo("x"), { NO_COLOR: "1" }, true)).not.toContain("\u001b");
  });

  it("below the level is not written", () => {
    expect(logged(Effect.logDebug("x"))).toBe("");
    expect(logged(Effect.logDebug("x"), { DRAYAGE_LOG_LEVEL: "DEBUG" })).not.toBe("");
    expect(logged(Effect.logWarning("x"), { DRAYAGE_LOG_LEVEL: "error" })).toBe("");
  });
});

describe("settings", () => {
  it.each([
    [{}, true, "text", "Info"],
    [{}, false, "json", "Info"],
    [{ DRAYAGE_LOG: "json" }, true, "json", "Info"],
    [{ DRAYAGE_LOG: "text", DRAYAGE_LOG_LEVEL: "warn" }, false, "text", "Warn"],
  ])("%j in a terminal: %s gives %s at %s", (env, terminal, form, level) =>
    expect(logSettings(env, terminal)).toMatchObject({ form, level, complaint: undefined }),
  );
  it("a value that is not known is said in the log, and the default holds", () => {
    expect(logSettings({ DRAYAGE_LOG_LEVEL: "loud", DRAYAGE_LOG: "xml" }, true)).toMatchObject({
      form: "text",
      level: "Info",
    });
    expect(logged(Effect.void, { DRAYAGE_LOG_LEVEL: "loud" })).toContain("DRAYAGE_LOG_LEVEL=loud is not known");
  });
});
