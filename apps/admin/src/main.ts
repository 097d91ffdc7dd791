#!/usr/bin/env node
import { deliveryMigrations } from "@drayage/delivery";
import { eventLogMigrations } from "@drayage/event-log";
import { runRole } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { admin } from "./index.ts";

runRole({
  name: "admin",
  migrations: [eventLogMigrations, deliveryMigrations],
  options: [],
  run: (config) => Effect.andThen(admin({ config }), Effect.never),
});
