import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { layerDatabase } from "../database/layer.ts";
import { createTestDatabase } from "../testing/test-server.ts";
import { appendWithin } from "./append-within.ts";
import { EventLog } from "./event-log.ts";
import { eventLogMigrations } from "./migrations.ts";

const event = (type: string, dedupe?: string) => ({ type, source: "s", data: {}, dedupe });

it("what was appended and committed is told once, by whatever way it came", { timeout: 60_000 }, async () => {
  const told: Array<string> = [];
  const { url, drop } = await createTestDatabase();
  const layer = Layer.provideMerge(
    EventLog.layer,
    layerDatabase({
      database: { _tag: "Server", url },
      instance: "test",
      migrations: [eventLogMigrations],
      onAppended: (types) => void told.push(...types),
    }),
  );
  await Effect.runPromise(
    Effect.gen(function* () {
      const log = yield* EventLog;
      const { transaction } = yield* Database;
      yield* log.append([event("a", "1"), event("b"), event("a", "1")]);
      yield* log.append([event("a", "1")]);
      expect(told).toEqual(["a", "b"]);
      yield* transaction("commits", (trx) => appendWithin(trx, [event("c"), event("d", "1")]));
      expect(told).toEqual(["a", "b", "c"]);
      const body = transaction("rolls back", async (trx) => {
        await appendWithin(trx, [event("e")]);
        throw Object.assign(new Error("no"), { code: "40001" });
      });
      yield* Effect.flip(body);
      expect(told).toEqual(["a", "b", "c"]);
    }).pipe(Effect.provide(layer), Effect.scoped),
  );
  await drop();
});
