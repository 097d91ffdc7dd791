#!/usr/bin/env node
import "./small-heap.ts";
import { deliveryMigrations } from "@drayage/delivery";
import { eventLogMigrations } from "@drayage/event-log";
import { runRole } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { dispatcher } from "./dispatcher.ts";

runRole({
  name: "dispatcher",
  migrations: [eventLogMigrations, deliveryMigrations],
  options: [],
  run: (config) => Effect.andThen(Effect.logInfo("the dispatcher follows the log"), dispatcher({ config })),
});
