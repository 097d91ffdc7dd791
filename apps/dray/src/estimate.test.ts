import { connectRegistry } from "@drayage/oci-core";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { image, pushImage, startStrictRegistry } from "@drayage/oci-core/testing";
import type { Difference } from "@drayage/reconciler";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { estimate, hoursOf } from "./estimate.ts";

const need = <A>(value: A | undefined): A => {
  if (value === undefined) throw new TypeError("not a valid sample");
  return value;
};

describe("an estimate", () => {
  it("counts each blob once, and leaves out what cannot be read", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* startStrictRegistry();
          const source = yield* connectRegistry({ name: "lab", url: server.url, auth: [], traits: {} });
          const web = image({ seed: "web", layers: [1000, 2000] });
          for (const tag of ["v1", "v2"]) yield* pushImage(server.url, "team/web", tag, web);
          const repository = need(parseRepositoryName("team/web"));
          const difference = (tag: string, wanted = web.digest): Difference => ({
            target: "prod",
            repository,
            tag: need(parseTag(tag)),
            kind: "missing",
            source: { registry: "lab", repository, tag: need(parseTag(tag)) },
            route: "all",
            wanted,
            parked: false,
          });
          const registryOf = (name: string) => (name === "lab" ? source : undefined);
          const both = yield* estimate([difference("v1"), difference("v2")], registryOf);
          expect(both).toMatchObject({ tags: 2, sampled: 2, hours: undefined });
          expect(both.bytes).toBeGreaterThanOrEqual(3000);
          expect(both.bytes).toBeLessThan(6000);
          const gone = image({ seed: "gone" }).digest;
          const half = yield* estimate([difference("v1"), difference("v3", gone)], registryOf);
          expect(half).toMatchObject({ tags: 2, sampled: 1, bytes: 2 * (both.bytes ?? 0) });
          expect(yield* estimate([difference("v3", gone)], registryOf)).toEqual({
            tags: 1,
            sampled: 0,
            bytes: undefined,
            hours: undefined,
          });
        }),
      ),
    ));

  it("takes as long as the slowest registry needs", () => {
    const hour = 3600;
    expect(hoursOf([{ bandwidth: 100, requestsPerSecond: undefined }], 100 * hour, 10)).toBe(1);
    expect(
      hoursOf(
        [
          { bandwidth: 100, requestsPerSecond: undefined },
          { bandwidth: 50, requestsPerSecond: 1 },
        ],
        100 * hour,
        3 * hour,
      ),
    ).toBe(3);
    expect(hoursOf([{ bandwidth: 100, requestsPerSecond: undefined }], undefined, 10)).toBeUndefined();
    expect(hoursOf([], 1, 1)).toBeUndefined();
  });
});
