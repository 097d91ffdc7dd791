import type { RegistryConfig } from "@drayage/config";
import { eventLogMigrations, layerDatabase } from "@drayage/event-log";
import { createTestDatabase } from "@drayage/event-log/testing";
import { image, pushImage, startStrictRegistry } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { expect } from "vitest";
import { listenToRegistries } from "./listen.ts";

const polled = (name: string, url: URL): RegistryConfig => ({
  type: "oci",
  name,
  url,
  auth: [],
  traits: {},
  network: {},
  notifications: { scheme: "shared-secret", secrets: [] },
  poll: { every: 20, requests: { most: 1_000_000, within: 1000 } },
});

it.live(
  "of two processes on one database one polls, and the other takes over when it ends",
  () =>
    Effect.gen(function* () {
      const { url, drop } = yield* Effect.promise(() => createTestDatabase());
      yield* Effect.addFinalizer(() => Effect.promise(drop));
      const registry = yield* startStrictRegistry();
      const put = (tag: string) => pushImage(registry.url, "team/web", tag, image({ seed: tag }));
      yield* put("1");

      const stored: Array<string> = [];
      const process = (name: string) =>
        Effect.gen(function* () {
          const scope = Scope.makeUnsafe();
          yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void));
          const database = layerDatabase({
            database: { _tag: "Server", url },
            instance: "test",
            migrations: [eventLogMigrations],
          });
          yield* listenToRegistries({
            config: { registries: { hub: polled("hub", registry.url) } },
            intake: {
              append: async (events) => {
                stored.push(...events.map(({ subject, type }) => `${name} ${type.split(".").slice(2, -1)} ${subject}`));
                return { _tag: "Appended", appended: [] };
              },
              newId: () => "id",
              now: Date.now,
            },
            tell: () => Effect.void,
          }).pipe(Effect.provide(yield* Scope.provide(Layer.build(database), scope)), Scope.provide(scope));
          return { end: Scope.close(scope, Exit.void) };
        });
      const until = (count: number) =>
        Effect.repeat(Effect.sleep("10 millis"), { until: () => stored.length === count });

      const first = yield* process("first");
      yield* until(1);
      yield* process("second");
      yield* put("2");
      yield* until(2);
      // Long enough for the second to have polled a hundred times.
      yield* Effect.sleep("3 seconds");
      expect(stored).toEqual(["first rescan,requested hub/team/web", "first image,pushed hub/team/web:2"]);
      yield* first.end;
      yield* until(3);
      yield* put("3");
      yield* until(4);
      expect(stored.slice(2)).toEqual(["second rescan,requested hub/team/web", "second image,pushed hub/team/web:3"]);
    }),
  60_000,
);
