import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { expect } from "vitest";
import { deliveryBusContract, digestNumber, SAMPLE_GUARD, sampleRequest } from "../testing/index.ts";
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
      discardParked: Effect.sync(() => deliveries.discardParked()),
      pause: (target, what) => Effect.sync(() => deliveries.pause(target, what)),
      resume: (target, what) => Effect.sync(() => deliveries.resume(target, what)),
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

it.effect("adopts what is free: a name that nobody asked for, or one at rest without anything held", () =>
  Effect.gen(function* () {
    const { adopt, request, rows } = yield* makeMemoryDeliveries({ guard: SAMPLE_GUARD, now: () => 1_000 });
    const { target, repository, tag, source, route } = sampleRequest("app:v1", 1);
    const adoption = { target, repository, tag, source, route, digest: digestNumber(1) };
    expect(adopt([adoption])).toEqual([adoption]);
    expect(rows()).toMatchObject([{ state: "idle", held: digestNumber(1), requested: 0, done: 0 }]);
    expect(adopt([{ ...adoption, digest: digestNumber(2) }])).toEqual([]);
    request([sampleRequest("app:v2", 2)]);
    expect(adopt([{ ...adoption, tag: sampleRequest("app:v2", 2).tag }])).toEqual([]);
    expect(rows()).toMatchObject([{ held: digestNumber(1) }, { state: "pending", held: undefined }]);
  }),
);
