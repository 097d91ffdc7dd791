import { type Registry, RegistryError } from "@drayage/oci-core";
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { describe, expect, it } from "vitest";
import { connectTo } from "./connect.test-support.ts";
import { googleTokens } from "./credentials.ts";
import { type ArtifactRegistryServer, startArtifactRegistry } from "./testing/index.ts";

const must = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("not a name");
  return value;
};
const APP = must(parseRepositoryName("images/team/app"));
const V1 = must(parseTag("v1"));
const image = multiPlatform({ seed: "renewal" });

interface Started {
  readonly server: ArtifactRegistryServer;
  readonly registry: Registry;
  /** Google's side: what it gives from now on, to whoever asks anew. */
  readonly give: (token: string) => void;
  /** How often Google was asked anew. */
  readonly asked: () => number;
}
/** An Artifact Registry with an image, and a client of Google's default credentials that has a token. */
const started = (body: (given: Started) => Effect.Effect<void, unknown, Scope.Scope>): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* startArtifactRegistry();
        const authorization = `Bearer ${server.accessToken}`;
        yield* Effect.orDie(pushImage(server.url, `${server.project}/images/team/app`, "v1", image, { authorization }));
        let [token, asked] = [server.accessToken, 0];
        // As Google's library: what it has got it keeps.
        const tokens = googleTokens("eu", { _tag: "Default" }, () => {
          asked += 1;
          const kept = token;
          return () => Promise.resolve(kept);
        });
        const registry = yield* connectTo(server, { tokens });
        yield* registry.resolve(APP, V1);
        const give = (next: string): void => {
          token = next;
        };
        return yield* body({ server, registry, give, asked: () => asked });
      }),
    ),
  );

describe("a token of Google that is refused before its time", () => {
  const requests: Readonly<Record<string, (registry: Registry) => Effect.Effect<unknown, RegistryError>>> = {
    "HEAD of a tag": (registry) => registry.resolve(APP, V1),
    "a manifest": (registry) => registry.manifest(APP, V1),
    "a push": (registry) => registry.putManifest(APP, must(parseTag("v2")), image),
    "an upload": (registry) => registry.startUpload(APP),
    "a list of tags": (registry) => Stream.runDrain(registry.tags(APP)),
    "a listing by the API": (registry) => Stream.runDrain(registry.powers.list?.(APP) ?? Stream.empty),
    "the repositories, by the API": (registry) => Stream.runDrain(registry.repositories()),
  };
  it.each(Object.keys(requests))("is had anew, once, and %s is asked again", (name) =>
    started(({ server, registry, give, asked }) =>
      Effect.gen(function* () {
        server.takeToken("ya29.second");
        give("ya29.second");
        yield* requests[name]?.(registry) ?? Effect.die("no such request");
        expect(asked()).toBe(2);
      }),
    ),
  );

  it("is had anew once for however many requests it fails at the same time", () =>
    started(({ server, registry, give, asked }) =>
      Effect.gen(function* () {
        server.takeToken("ya29.second");
        give("ya29.second");
        yield* Effect.forEach(Array.from({ length: 20 }), () => registry.resolve(APP, V1), {
          concurrency: "unbounded",
        });
        expect(asked()).toBe(2);
      }),
    ));

  it("is not asked for again and again where the new one is refused as well", () =>
    started(({ server, registry, asked }) =>
      Effect.gen(function* () {
        server.takeToken("ya29.nobody");
        for (let n = 0; n < 3; n++)
          expect(yield* Effect.flip(registry.manifest(APP, V1))).toMatchObject({ reason: "unauthorized", status: 401 });
        expect(asked()).toBe(2);
      }),
    ));

  it("is not asked for where rights are missing, or where Google itself refuses", () =>
    started(({ server, registry, asked }) =>
      Effect.gen(function* () {
        const elsewhere = must(parseRepositoryName("missing/app"));
        expect(yield* Effect.flip(registry.manifest(elsewhere, V1))).toMatchObject({ reason: "denied" });
        expect(asked()).toBe(1);
        const refusing = googleTokens(
          "eu",
          { _tag: "Default" },
          () => () => Promise.reject(new Error("invalid_grant")),
        );
        const other = yield* connectTo(server, { tokens: refusing });
        const error = yield* Effect.flip(other.manifest(APP, V1));
        expect(error).toBeInstanceOf(RegistryError);
        expect(error).toMatchObject({ reason: "unauthorized", operation: "get an access token of Google" });
      }),
    ));

  it("of the configuration is used as it is: nothing renews it", () =>
    started(({ server }) =>
      Effect.gen(function* () {
        const registry = yield* connectTo(server);
        server.takeToken("ya29.second");
        server.requests.reset();
        expect(yield* Effect.flip(registry.manifest(APP, V1))).toMatchObject({ reason: "unauthorized" });
        expect(server.requests.count({ path: /manifests/ })).toBe(1);
      }),
    ));
});
