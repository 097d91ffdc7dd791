/** What a plain program does: HMAC check, validation, then one INSERT and its commit for each request, on one connection. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Database, eventLogMigrations, layerDatabase, newEventId } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { SECRET } from "./notifications.ts";

const [port = "", dataDir = ""] = process.argv.slice(2);
const ACCEPTED = { "content-type": "application/json" };

/** Throws for what is no notification. */
const tagOf = (body: Buffer): { readonly repository: string; readonly tag: string } => {
  const { data } = JSON.parse(body.toString()) as { data: Record<string, unknown> };
  const { repo_key: key, image_name: image, tag } = data;
  if (typeof key !== "string" || typeof image !== "string" || typeof tag !== "string") throw new Error("no tag");
  return { repository: `${key}/${image}`, tag };
};

const INSERT = {
  name: "insert",
  text: `with raw as (
      insert into raw_notification (id, received_at, registry, headers, body) values ($1, now(), 'artifactory', '{}', $2))
    insert into event (position, id, type, source, subject, time, recorded_at, correlation_id, data)
    values (nextval('event_position'), $3, 'io.drayage.image.pushed.v1', '/registries/artifactory', $4, now(), now(), $1, $5)
    returning position`,
};

const serve = (client: pg.Client) =>
  createServer((request, response) => {
    const pieces: Uint8Array[] = [];
    request.on("data", (piece: Uint8Array) => pieces.push(piece));
    request.on("end", async () => {
      const body = Buffer.concat(pieces);
      const expected = createHmac("sha256", SECRET).update(body).digest();
      const given = Buffer.from(String(request.headers["x-jfrog-event-auth"]), "hex");
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        response.writeHead(401).end();
        return;
      }
      const { repository, tag } = tagOf(body);
      const event = JSON.stringify({ registry: "artifactory", repository, tag });
      const subject = `artifactory/${repository}:${tag}`;
      const { rows } = await client.query({ ...INSERT, values: [newEventId(), body, newEventId(), subject, event] });
      const answer = `${JSON.stringify({ accepted: 1, positions: [Number(rows[0].position)] })}\n`;
      response.writeHead(202, { ...ACCEPTED, "content-length": String(answer.length) }).end(answer);
    });
  });

const main = Effect.gen(function* () {
  const { url } = yield* Database;
  const client = new pg.Client({ connectionString: Redacted.value(url) });
  yield* Effect.promise(() => client.connect());
  const server = serve(client).listen(Number(port), "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once("SIGTERM", () => resolve());
  yield* Effect.promise(() => promise);
  server.closeAllConnections();
  server.close();
  yield* Effect.promise(() => client.end());
});
const layer = layerDatabase({
  database: { _tag: "Embedded", dataDir },
  instance: "bench",
  migrations: [eventLogMigrations],
});
await Effect.runPromise(Effect.provide(main, layer));
