import { userInfo } from "node:os";
import { type Acts, makeActs } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Database, EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { databaseLayer } from "./database.ts";

/** Acts through the database, as a guest beside `dray up`. */
export const act = <A>(config: Config, f: (acts: Acts) => Promise<A>) =>
  Effect.gen(function* () {
    const acts = makeActs(config, yield* Database, yield* EventLog);
    return yield* Effect.tryPromise({
      try: () => f(acts),
      catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause))),
    });
  }).pipe(
    Effect.provide(databaseLayer(config, "guest")),
    Effect.mapError((error) => unable(error.message)),
  );

/** Who asks on the command line. */
export const byUser = (why: string) => ({ actor: `user:${userName()}`, why });

/** In a container the user id may have no name. */
const userName = (): string => {
  try {
    return userInfo().username;
  } catch {
    return process.env["USER"] ?? String(process.getuid?.());
  }
};
