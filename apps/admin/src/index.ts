import type { Config } from "@drayage/config";
import { Database, EventLog } from "@drayage/event-log";
import { httpServer, isLocalRequest, problem } from "@drayage/runtime";
import { getRequestListener } from "@hono/node-server";
import * as Effect from "effect/Effect";
import { makeActs } from "./acts.ts";
import { makeApi } from "./api.ts";
import { makeReads } from "./reads.ts";

export { type Acts, makeActs, type Which } from "./acts.ts";
export { type ApiOptions, makeApi } from "./api.ts";
export type { Gate } from "./authorize.ts";
export { makeReads, type Reads } from "./reads.ts";
export type { DeliveryBody, EventBody, RescanBody, TargetBody } from "./wire.ts";

const LOOPBACK_NAMES = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/** The admin server, until the scope closes: reads and acts, `/metrics`, `/openapi.json`, probes. Gives the port it really has. */
export const admin = Effect.fnUntraced(function* ({ config }: { readonly config: Config }) {
  const database = yield* Database;
  const log = yield* EventLog;
  const gate = { tokens: config.admin.tokens };
  const services = yield* Effect.context<never>();
  const failed = (cause: unknown): void => {
    Effect.runForkWith(services)(Effect.logError("admin: a request met a fault of Drayage", cause));
  };
  const reads = makeReads(config, database, log);
  const acts = makeActs(config, database, log);
  let listener: ReturnType<typeof getRequestListener> | undefined;
  return yield* httpServer({
    name: "admin",
    ...config.http.admin,
    ready: async () => {
      await Effect.runPromiseWith(services)(log.head);
      return { ok: true };
    },
    handler: (request, response, closing) => {
      // Without tokens only this machine is answered, and only under its own name: a web page that points its name at us is not.
      if (gate.tokens.length === 0 && !(isLocalRequest(request) && LOOPBACK_NAMES.test(request.headers.host ?? ""))) {
        return problem(response, {
          status: 403,
          title: "Forbidden",
          detail: "Without admin.tokens the admin API answers on loopback only.",
        });
      }
      // Made by the first request, which brings the signal that all of them share: event streams end by it.
      listener ??= getRequestListener(makeApi(reads, acts, gate, { closing, failed }).fetch);
      return listener(request, response);
    },
  });
});
