import type { Config, PubSubConfig } from "@drayage/config";
import { openPubSubBus } from "@drayage/delivery/pubsub";
import { openRegistries } from "@drayage/registries";
import * as Effect from "effect/Effect";
import { replicator } from "./replicator.ts";

/** The replicator of one target that reaches no database: work comes over Pub/Sub, with the rules of its route. Its configuration needs the registries only. */
export const remoteReplicator = Effect.fnUntraced(function* (config: Config, place: PubSubConfig, target: string) {
  const registries = yield* openRegistries(config);
  const bus = yield* openPubSubBus({ ...place, instance: config.instance, targets: [target] });
  yield* Effect.logInfo(`the replicator of ${target} has its work from Pub/Sub of project ${place.project}`);
  return yield* replicator({ config, target, registries, bus });
}, Effect.scoped);
