import { admin } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Bus, postgresBusLayer } from "@drayage/delivery";
import { dispatcher } from "@drayage/dispatcher";
import { ingest } from "@drayage/ingest";
import { reconciler } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import { remoteReplicator, replicator } from "@drayage/replicator";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { unable } from "../cli-error.ts";
import { applyConfiguration } from "../compose/apply-configuration.ts";
import { databaseLayer } from "../compose/database.ts";
import { forGood } from "../compose/everything.ts";
import { configuration } from "../compose/load.ts";
import { logOf } from "../compose/log.ts";
import { lookThrough } from "../compose/look-through.ts";
import { checkNames } from "../compose/names.ts";
import type { Globals } from "../program.ts";

export type Role =
  | { readonly role: "ingest" | "dispatcher" | "admin" | "reconciler" }
  | { readonly role: "replicator"; readonly target: string };

/** One role alone, until stopped: for several processes on one PostgreSQL server. With the embedded database only `dray up` makes sense, and the owner lock says so. */
export const role = Effect.fnUntraced(function* (
  globals: Globals,
  chosen: { readonly role: string; readonly target?: string },
) {
  const config = yield* configuration(globals);
  const which = yield* known(config, chosen);
  // Without a look at the database: a replicator elsewhere has no way to it, and no credentials.
  if (which.role === "replicator" && config.bus._tag === "PubSub")
    return yield* forGood("replicator", remoteReplicator(config, config.bus, which.target)).pipe(
      Effect.provide(logOf(globals)),
    );
  return yield* Effect.scoped(run(config, which)).pipe(
    Effect.provide(Layer.provideMerge(databaseLayer(config, "owner"), logOf(globals))),
    Effect.mapError((error) => (error._tag === "CliError" ? error : unable(error.message))),
  );
});

const known = Effect.fnUntraced(function* (
  config: Config,
  { role: name, target }: { readonly role: string; readonly target?: string },
) {
  if (name === "ingest" || name === "dispatcher" || name === "admin" || name === "reconciler")
    return { role: name } satisfies Role as Role;
  // Over Pub/Sub the routes may be known to the control side alone.
  if (config.bus._tag === "Database") yield* checkNames(config, { target });
  else if (!Object.hasOwn(config.registries, target ?? "")) return yield* unable(`there is no registry ${target}`);
  return { role: "replicator", target: target ?? "" } satisfies Role as Role;
});

const run = Effect.fnUntraced(function* (config: Config, which: Role) {
  switch (which.role) {
    case "ingest":
      yield* ingest({ config, onNewsLost: yield* lookThrough });
      return yield* Effect.never;
    case "admin":
      yield* admin({ config });
      return yield* Effect.never;
    case "dispatcher":
      yield* applyConfiguration(config);
      return yield* forGood("dispatcher", dispatcher({ config }));
    case "reconciler":
      return yield* forGood("reconciler", reconciler({ config, registries: yield* openRegistries(config) }));
    case "replicator": {
      const registries = yield* openRegistries(config);
      return yield* Effect.provide(
        Effect.flatMap(Bus, (bus) =>
          forGood("replicator", replicator({ config, target: which.target, registries, bus })),
        ),
        postgresBusLayer(config.guard),
      );
    }
  }
});
