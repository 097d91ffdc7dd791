import * as Effect from "effect/Effect";
import { testDatabase } from "../postgres.test-support.ts";
import { deliveryBusContract, makeInProcessPubSub } from "../testing/index.ts";
import { CONTRACT_TARGETS, makeLines, makePubSubFixture, newNames } from "./pubsub.test-support.ts";

deliveryBusContract(
  "Pub/Sub in this process, over PostgreSQL",
  Effect.gen(function* () {
    const names = newNames(CONTRACT_TARGETS);
    const pubsub = makeInProcessPubSub();
    makeLines(pubsub, names);
    return yield* makePubSubFixture(yield* testDatabase, pubsub.client, names);
  }),
);
