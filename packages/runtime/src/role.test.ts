import { EventLog, eventLogMigrations } from "@drayage/event-log";
import { createTestDatabase } from "@drayage/event-log/testing";
import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import { prometheusText } from "./metric.ts";
import { databaseOf } from "./role.ts";

it("the database of a role counts the events that it appends", { timeout: 60_000 }, async () => {
  const { url, drop } = await createTestDatabase();
  const config = { database: { _tag: "Server", url }, dataDir: "", instance: "test" } as const;
  await Effect.runPromise(
    Effect.flatMap(EventLog, (log) =>
      log.append(["one", "two", "one"].map((type) => ({ type, source: "s", data: {} }))),
    ).pipe(Effect.provide(databaseOf(config, [eventLogMigrations], "owner", "test")), Effect.scoped),
  );
  expect(prometheusText()).toContain('drayage_events_appended_total{type="one"} 2');
  expect(prometheusText()).toContain('drayage_events_appended_total{type="two"} 1');
  await drop();
});
