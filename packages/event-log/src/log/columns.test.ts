import * as Effect from "effect/Effect";
import fc from "fast-check";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { Database } from "../database/database.ts";
import { layerTestDatabase } from "../testing/test-database.ts";
import { bytesColumn, jsonColumn, textColumn, timeColumn, uuidColumn } from "./columns.ts";

const row = fc.record(
  {
    text: fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\u0000")),
    uuid: fc.uuid(),
    time: fc.date({
      min: new Date("0001-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59.999Z"),
      noInvalidDate: true,
    }),
    json: fc.jsonValue({ stringUnit: "grapheme" }).filter((value) => !JSON.stringify(value).includes("\\u0000")),
    bytes: fc.uint8Array(),
  },
  { requiredKeys: [] },
);
type Row = { text?: string; uuid?: string; time?: Date; json?: unknown; bytes?: Uint8Array };

it("arrays of values and nulls arrive as they were sent", () => {
  const arrive = (rows: ReadonlyArray<Row>) =>
    Effect.gen(function* () {
      const { kysely, attempt } = yield* Database;
      const answer = yield* attempt("unnest", () =>
        sql<Record<string, unknown>>`select text, uuid, time, json::text as json, bytes from unnest(
          ${textColumn(rows.map((one) => one.text))}::text[], ${uuidColumn(rows.map((one) => one.uuid))}::uuid[],
          ${timeColumn(rows.map((one) => one.time))}::timestamptz[],
          ${jsonColumn(rows.map((one) => (one.json === undefined ? undefined : JSON.stringify(one.json))))}::jsonb[],
          ${bytesColumn(rows.map((one) => one.bytes))}::bytea[], ${`{${rows.map((_, n) => n).join()}}`}::int[]
        ) as sent (text, uuid, time, json, bytes, n) order by n`.execute(kysely),
      );
      return answer.rows;
    });
  return Effect.gen(function* () {
    const context = yield* Effect.context<Database>();
    yield* Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
          const arrived = await Effect.runPromiseWith(context)(arrive(rows));
          expect(arrived).toHaveLength(rows.length);
          arrived.forEach(({ text, uuid, time, json, bytes }, n) => {
            const sent: Row = rows[n] ?? {};
            expect([text, uuid, time]).toEqual([sent.text ?? null, sent.uuid ?? null, sent.time ?? null]);
            expect(bytes).toEqual(sent.bytes === undefined ? null : Buffer.from(sent.bytes));
            // jsonb has no minus zero
            expect(json === null ? undefined : JSON.parse(String(json))).toEqual(
              sent.json === undefined ? undefined : JSON.parse(JSON.stringify(sent.json)),
            );
          });
        }),
        { numRuns: 60 },
      ),
    );
  }).pipe(Effect.provide(layerTestDatabase()), Effect.runPromise);
}, 60_000);

it("what is no UUID is not sent", () => {
  expect(() => uuidColumn(["not one"])).toThrow(TypeError);
});
