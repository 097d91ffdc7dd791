#!/usr/bin/env node
import { Bus, deliveryMigrations, postgresBusLayer } from "@drayage/delivery";
import { eventLogMigrations } from "@drayage/event-log";
import { openRegistries } from "@drayage/registries";
import { runRole } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { remoteReplicator } from "./remote.ts";
import { replicator } from "./replicator.ts";

runRole({
  name: "replicator",
  migrations: [eventLogMigrations, deliveryMigrations],
  options: ["target"],
  run: (config, { target }) =>
    Effect.gen(function* () {
      const registries = yield* openRegistries(config);
      return yield* replicator({ config, target, registries, bus: yield* Bus });
    }).pipe(Effect.provide(postgresBusLayer(config.guard))),
  runAlone: (config, { target }) =>
    config.bus._tag === "Database" ? undefined : remoteReplicator(config, config.bus, target),
});
