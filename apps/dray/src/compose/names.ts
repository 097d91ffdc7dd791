import type { Config } from "@drayage/config";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";

/** Targets of a configuration: every registry that a route writes to. */
export const targetsOf = (config: Pick<Config, "routes">): ReadonlyArray<string> =>
  [...new Set(config.routes.flatMap((route) => route.to.map((to) => to.registry)))].sort();

/** Names on the command line that the configuration does not know are refused, with what there is. */
export const checkNames = Effect.fnUntraced(function* (
  config: Config,
  { route, target }: { readonly route?: string | undefined; readonly target?: string | undefined },
) {
  const routes = config.routes.map(({ name }) => name);
  if (route !== undefined && !routes.includes(route))
    return yield* unable(`there is no route ${route}`, `routes are ${routes.join(", ")}`);
  const targets = targetsOf(config);
  if (target !== undefined && !targets.includes(target))
    return yield* unable(`no route has the target ${target}`, `targets are ${targets.join(", ")}`);
});
