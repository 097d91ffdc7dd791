import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { unable } from "../cli-error.ts";
import { forGood } from "./everything.ts";

describe("a role", () => {
  it("that fails for good ends the whole with 1 and one line", async () => {
    const error = await Effect.runPromise(Effect.flip(forGood("dispatcher", unable("no more"))));
    expect(error).toMatchObject({ _tag: "CliError", exitCode: 1, message: "the dispatcher gave up: no more" });
  });
  it("that ends by itself has failed too", async () => {
    const error = await Effect.runPromise(Effect.flip(forGood("reconciler", Effect.void)));
    expect(error).toMatchObject({ _tag: "CliError", exitCode: 1, message: "the reconciler ended by itself" });
  });
  it("that fails interrupts the others", async () => {
    let stopped = false;
    const other = Effect.onInterrupt(Effect.never, () =>
      Effect.sync(() => {
        stopped = true;
      }),
    );
    await Effect.runPromise(
      Effect.flip(
        Effect.all([forGood("one", other), forGood("two", unable("gone"))], {
          concurrency: "unbounded",
        }),
      ),
    );
    expect(stopped).toBe(true);
  });
});
