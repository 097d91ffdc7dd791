#!/usr/bin/env node
import { deliveryMigrations } from "@drayage/delivery";
import { eventLogMigrations } from "@drayage/event-log";
import { openRegistries } from "@drayage/registries";
import { runRole } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { reconciler } from "./reconciler.ts";

runRole({
  name: "reconciler",
  migrations: [eventLogMigrations, deliveryMigrations],
  options: [],
  run: (config) => Effect.flatMap(openRegistries(config), (registries) => reconciler({ config, registries })),
});
