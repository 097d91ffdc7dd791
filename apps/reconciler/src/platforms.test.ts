import { choosePlatforms, parseManifest, rewriteIndex } from "@drayage/oci-core/model";
import { multiPlatform } from "@drayage/oci-core/testing";
import { describe, expect } from "vitest";
import { booked, compareAll, MIRROR, place, route, select, test, world } from "./reconciler.test-support.ts";

const AMD = [{ os: "linux", architecture: "amd64" }];
const image = multiPlatform({ seed: "multi", layers: [16] });
const index = parseManifest(image.bytes);
if (index._tag !== "Index") throw new Error("no index");
const rewritten = rewriteIndex(index, choosePlatforms(index, AMD) ?? []);
const app = (how: "keep" | "rewrite", only = AMD) =>
  route({ select: select("app"), platforms: { only, index: how }, deletes: MIRROR });

describe("a route with a choice of platforms", () => {
  test("that keeps the index is level when the target has that index", function* () {
    const { source, east, registries } = yield* world;
    for (const tag of ["v1", "v2"]) source.putManifest("app", place(`app:${tag}`).tag, image);
    east.putManifest("copy/app", "v1", image);
    const { found } = yield* compareAll({ registries }, [app("keep")]);
    expect(found).toEqual(["east/copy/app:v2 missing"]);
  });

  test("that rewrites the index is level with the rewritten one, and with no other", function* () {
    const { source, east, registries } = yield* world;
    for (const tag of ["v1", "v2", "v3"]) source.putManifest("app", tag, image);
    east.putManifest("copy/app", "v1", rewritten);
    east.putManifest("copy/app", "v2", image);
    const books = [
      booked("east", "copy/app:v1", { owned: [rewritten.digest] }),
      booked("east", "copy/app:v2", { owned: [image.digest] }),
    ];
    const { found, differences, report } = yield* compareAll({ registries }, [app("rewrite")], books);
    expect(found).toEqual(["east/copy/app:v2 different", "east/copy/app:v3 missing"]);
    expect(differences.map(({ wanted }) => wanted)).toEqual([rewritten.digest, rewritten.digest]);
    expect(report).toMatchObject({ compared: 3, completeness: "complete" });
  });

  test("that the source does not have finds nothing, and nothing is extra by it", function* () {
    const { source, east, registries } = yield* world;
    source.putManifest("app", "v1", image);
    east.putManifest("copy/app", "v1", rewritten);
    const books = [booked("east", "copy/app:v1", { owned: [rewritten.digest] })];
    const plan9 = [{ os: "plan9", architecture: "amd64" }];
    expect((yield* compareAll({ registries }, [app("rewrite", plan9)], books)).found).toEqual([]);
  });
});
