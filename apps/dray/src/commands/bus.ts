import { applyBus, busNames, busResources, openGooglePubSub, planBus, type Step } from "@drayage/delivery/pubsub";
import * as Effect from "effect/Effect";
import { unable } from "../cli-error.ts";
import { configuration } from "../compose/load.ts";
import { targetsOf } from "../compose/names.ts";
import { ExitCode } from "../exit-code.ts";
import { json, table } from "../output/table.ts";
import type { Globals } from "../program.ts";

/** Without it Pub/Sub forwards nothing, and an item that nobody can take comes back for ever. */
const GRANT =
  "Pub/Sub moves dead letters itself: grant service-PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com\n" +
  "roles/pubsub.publisher on the topics that end in .dead and roles/pubsub.subscriber on the subscriptions that end in .work\n";

/**
 * `dray bus apply`: the topics and subscriptions of every target are made, and those that are there made as they should be. Exit 1 when one cannot
 * be. `--dry-run` changes nothing.
 */
export const apply = Effect.fnUntraced(function* (globals: Globals, options: { readonly dryRun?: boolean }) {
  const config = yield* configuration(globals);
  const { bus } = config;
  if (bus._tag === "Database")
    return yield* unable("the bus is the database: there is nothing to make", "set bus.pubsub.project in drayage.yaml");
  const all = targetsOf(config).map((target) => busResources(busNames(bus.project, bus.topicPrefix, target)));
  const wanted = {
    topics: all.flatMap(({ topics }) => topics),
    subscriptions: all.flatMap(({ subscriptions }) => subscriptions),
  };
  const plan = yield* Effect.gen(function* () {
    const google = yield* openGooglePubSub(bus);
    const steps = yield* planBus(google, wanted);
    if (options.dryRun !== true) yield* applyBus(google, wanted, steps);
    return steps;
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) => unable(error.message)),
  );
  show(globals, options.dryRun === true, plan);
  return plan.some(({ action }) => action === "refused") ? ExitCode.failed : ExitCode.ok;
});

const show = (globals: Globals, dryRun: boolean, plan: ReadonlyArray<Step>): void => {
  const steps = plan.map(({ kind, name, action, why }) => ({ action, kind, name, why }));
  if (globals.json === true) return void process.stdout.write(json({ dryRun, steps }));
  const rows = steps.map(({ action, kind, name, why }) => [action, kind, name, why ?? ""]);
  process.stdout.write(table(["ACTION", "KIND", "NAME", "WHY"], rows));
  if (dryRun) process.stdout.write("nothing was changed (--dry-run)\n");
  process.stderr.write(GRANT);
};
