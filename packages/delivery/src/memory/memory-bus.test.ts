import * as Effect from "effect/Effect";
import { deliveryBusContract, SAMPLE_GUARD } from "../testing/index.ts";
import { makeMemoryDeliveries } from "./memory-deliveries.ts";

deliveryBusContract(
  "memory",
  Effect.gen(function* () {
    let passed = 0;
    const deliveries = yield* makeMemoryDeliveries({ guard: SAMPLE_GUARD, now: () => Date.now() + passed });
    return {
      bus: deliveries.bus,
      request: (requests) => Effect.sync(() => deliveries.request(requests)),
      takeOver: (requests) => Effect.sync(() => deliveries.takeOver(requests)),
      referrers: (target, requests) => Effect.sync(() => deliveries.referrers(target, requests)),
      retryParked: Effect.sync(() => deliveries.retryParked()),
      outcomes: Effect.sync(() => deliveries.events()),
      rows: Effect.sync(() =>
        deliveries.rows().map(({ state, requested, done, requestedAt }) => ({
          state,
          requested,
          done,
          requestedAt: new Date(requestedAt),
        })),
      ),
      later: (ms) =>
        Effect.sync(() => {
          passed += ms;
        }),
    };
  }),
);
