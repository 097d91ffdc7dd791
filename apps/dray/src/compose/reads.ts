import { makeReads, type Reads } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { request } from "undici";
import { unable } from "../cli-error.ts";
import { databaseLayer, noDatabase } from "./database.ts";

/** A server on this machine that does not answer within this is not there. */
const PROBE_MS = 1_000;
/** Longest wait for an answer of the admin API. */
const ANSWER_MS = 30_000;

export type Looks = Pick<Reads, "targets" | "deliveries" | "events">;

/**
 * What runs, seen from another process: the admin API where it answers, else the database as a guest. Starts nothing and
 * stops nothing, so it cannot disturb `dray up` (DESIGN.md section 9). A token for the API comes from DRAYAGE_TOKEN.
 */
export const looks = Effect.fnUntraced(function* (config: Config) {
  const { host, port } = config.http.admin;
  const base = `http://${host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host}:${port}`;
  const up = yield* Effect.promise(() => answers(base));
  if (up) return overHttp(base, process.env["DRAYAGE_TOKEN"]);
  const services = yield* Layer.build(databaseLayer(config, "guest")).pipe(Effect.mapError(noDatabase));
  return yield* Effect.gen(function* () {
    return makeReads(config, yield* Database, yield* EventLog) satisfies Looks as Looks;
  }).pipe(Effect.provide(services));
});

const answers = (base: string): Promise<boolean> =>
  request(`${base}/healthz`, { signal: AbortSignal.timeout(PROBE_MS) }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode === 200;
    },
    () => false,
  );

const overHttp = (base: string, token: string | undefined): Looks => {
  const get = async <A>(path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<A> => {
    const url = new URL(path, base);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { statusCode, body } = await request(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    if (statusCode === 200) return (await body.json()) as A; // our own API, documented at /openapi.json
    const text = await body.text();
    if (statusCode === 401)
      throw unable(`the admin API at ${base} wants a token`, "set DRAYAGE_TOKEN to one of admin.tokens");
    throw unable(`the admin API at ${base} answered ${statusCode}: ${text.slice(0, 300)}`);
  };
  return {
    targets: async () => (await get<{ targets: Awaited<ReturnType<Reads["targets"]>> }>("/api/v1/targets", {})).targets,
    deliveries: async ({ target, state, repository, tag, after, limit }) =>
      (
        await get<{ deliveries: Awaited<ReturnType<Reads["deliveries"]>> }>("/api/v1/deliveries", {
          target,
          state,
          repository,
          tag,
          after,
          limit,
        })
      ).deliveries,
    events: ({ after, since, limit, types }) =>
      get("/api/v1/events", { after, since: since?.toISOString(), limit, type: types?.join(",") }),
  };
};

/** A read that may fail as a person is told. */
export const look = <A>(f: () => Promise<A>) =>
  Effect.tryPromise({
    try: f,
    catch: (cause) =>
      typeof cause === "object" && cause !== null && "_tag" in cause && cause._tag === "CliError"
        ? (cause as ReturnType<typeof unable>)
        : unable(cause instanceof Error ? cause.message : String(cause)),
  });
