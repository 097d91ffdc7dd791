import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { MIB } from "./strict-sides.test-support.ts";

describe("memory", () => {
  it.live(
    "does not grow with the size of a layer",
    () =>
      Effect.gen(function* () {
        const script = fileURLToPath(new URL("./memory.test-support.ts", import.meta.url));
        const output = yield* Effect.promise(
          () =>
            new Promise<string>((resolve, reject) => {
              const child = spawn(process.execPath, ["--conditions=drayage-source", "--expose-gc", script], {
                stdio: ["ignore", "pipe", "inherit"],
              });
              let text = "";
              child.stdout.on("data", (piece: Buffer) => {
                text += piece.toString();
              });
              child
                .on("error", reject)
                .on("close", (code) => (code === 0 ? resolve(text) : reject(new Error(`exit ${code}`))));
            }),
        );
        const { grownMiB, bytes }: { readonly grownMiB: number; readonly bytes: number } = JSON.parse(output);
        expect(bytes).toBe(512 * MIB);
        expect(grownMiB).toBeLessThan(128);
      }),
    60_000,
  );
});
