import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { describe, expect, it } from "vitest";
import { multiPlatform, signatureFor } from "../testing/images.ts";
import { limits, MIB, request, run } from "./copying.test-support.ts";
import { CopyError } from "./errors.ts";
import { makeCopier } from "./make-copier.ts";
import { type MemoryRegistry, makeMemoryRegistry } from "./memory-registry.test-support.ts";

describe("one failure at any request", () => {
  it.each(["network", "unavailable", "not-found", "denied", "content-missing"] as const)(
    "%s: the copy ends right, or with a typed error and no half image",
    async (reason) => {
      const fixture = multiPlatform({ seed: "faulty", layers: [2000, 5 * MIB], layerSeeds: ["small", "large"] });
      const signature = signatureFor(fixture);
      for (const side of ["source", "target"] as const) {
        for (let nth = 0; ; nth += 1) {
          let struck = false;
          const before = (on: string, error: () => ReturnType<MemoryRegistry["error"]>) => (_: unknown, at: number) => {
            if (on !== side || at !== nth) return Effect.void;
            struck = true;
            return Effect.fail(error());
          };
          const source: MemoryRegistry = makeMemoryRegistry({
            name: "source",
            before: before("source", () => source.error(reason)),
          });
          const target: MemoryRegistry = makeMemoryRegistry({
            name: "target",
            before: before("target", () => target.error(reason)),
          });
          await source.fill("team/app", "1", fixture);
          await source.fill("team/app", undefined, signature);
          const exit = await run(
            Effect.flatMap(makeCopier({ limits }), (copier) =>
              Effect.exit(copier.copy(request(source, target, { referrers: "all" }))),
            ),
          );
          expect(target.dangling()).toEqual([]);
          expect(target.openSessions()).toBe(0);
          if (Exit.isSuccess(exit)) {
            expect(target.repositoryOf("team/app").tags.get("1")).toBe(fixture.digest);
            expect(target.repositoryOf("team/app").manifests.has(signature.digest)).toBe(true);
          } else {
            const failure = exit.cause.reasons.map((one) => (one._tag === "Fail" ? one.error : one._tag));
            expect(failure[0]).toBeInstanceOf(CopyError);
          }
          if (!struck) break;
        }
      }
    },
  );
});
