import { admin } from "@drayage/admin";
import type { Config } from "@drayage/config";
import { Bus, postgresBusLayer } from "@drayage/delivery";
import { dispatcher } from "@drayage/dispatcher";
import { ingest } from "@drayage/ingest";
import { reconciler } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import { replicator } from "@drayage/replicator";
import { logging } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { targetsOf } from "../compose/everything.ts";
import { configuration } from "../compose/load.ts";
import { ExitCode } from "../exit-code.ts";
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
  yield* Effect.scoped(run(config, which)).pipe(
    Effect.provide(databaseLayer(config, "owner")),
    Effect.provide(logging),
    Effect.mapError((error) => unable(error.message)),
  );
  return ExitCode.ok;
});

const known = Effect.fnUntraced(function* (
  config: Config,
  { role: name, target }: { readonly role: string; readonly target?: string },
) {
  if (name === "ingest" || name === "dispatcher" || name === "admin" || name === "reconciler")
    return { role: name } satisfies Role as Role;
  const targets = targetsOf(config);
  if (target !== undefined && targets.includes(target)) return { role: "replicator", target } satisfies Role as Role;
  return yield* unable(`no route has the target ${target ?? ""}`, `targets are ${targets.join(", ")}`);
});

const run = Effect.fnUntraced(function* (config: Config, which: Role) {
  switch (which.role) {
    case "ingest":
      yield* ingest({ config });
      return yield* Effect.never;
    case "admin":
      yield* admin({ config });
      return yield* Effect.never;
    case "dispatcher":
      return yield* dispatcher({ config });
    case "reconciler":
      return yield* reconciler({ config, registries: yield* openRegistries(config) });
    case "replicator": {
      const registries = yield* openRegistries(config);
      return yield* Effect.provide(
        Effect.flatMap(Bus, (bus) => replicator({ config, target: which.target, registries, bus })),
        postgresBusLayer(config.guard),
      );
    }
  }
});
