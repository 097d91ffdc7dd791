#!/usr/bin/env node
import { eventLogMigrations } from "@drayage/event-log";
import { runRole } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { ingest } from "./ingest.ts";

runRole({
  name: "ingest",
  migrations: [eventLogMigrations],
  options: [],
  run: (config) => Effect.andThen(ingest({ config }), Effect.never),
});
