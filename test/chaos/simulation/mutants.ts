import { type DeliveryBus, LeaseLost } from "@drayage/delivery";
import type { Copier, Registry } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { IMAGES_OF_ALL, tagOf } from "./registry/images.ts";
import type { DatabaseMutant } from "./system/database.ts";

/** A bug planted by hand between the parts of the product. Each shows that one checker can see. */
export interface Mutant {
  /** What is wrong, and which rule it breaks. */
  readonly what: string;
  readonly database?: DatabaseMutant;
  readonly bus?: (bus: DeliveryBus) => DeliveryBus;
  readonly copier?: (copier: Copier) => Copier;
  readonly registry?: (registry: Registry) => Registry;
}

const onLost =
  <A>(instead: A) =>
  <E>(effect: Effect.Effect<A, E | LeaseLost>): Effect.Effect<A, E | LeaseLost> =>
    Effect.catchIf(
      effect,
      (error) => error instanceof LeaseLost,
      () => Effect.succeed(instead),
    );

/** A tag that every repository is said to have. */
const WITNESS = tagOf("made-up-witness");
const WITNESSED = IMAGES_OF_ALL.flatMap(({ manifests }) => manifests)[0];

/** By the names that the tests and `--mutant` use. */
export const MUTANTS = {
  "lost-update": {
    what: "a request that comes while a worker has the delivery is forgotten: a push during a copy is lost (invariant 3)",
    database: {
      request: (deliveries) => (requests) => {
        const leased = deliveries.rows().filter(({ state }) => state === "leased");
        return deliveries.request(
          requests.filter(({ target, repository, tag }) =>
            leased.every((row) => row.target !== target || row.repository !== repository || row.tag !== tag),
          ),
        );
      },
    },
  },
  "tag-before-content": {
    what: "the tag is put before its blobs and children (invariant 4)",
    copier: (copier) => ({
      ...copier,
      copy: (request) =>
        Effect.gen(function* () {
          const { source, target, beforeTag } = request;
          if (target.tag !== undefined) {
            const top = yield* Effect.orDie(source.registry.manifest(source.repository, source.reference));
            yield* beforeTag?.(top.digest) ?? Effect.void;
            yield* Effect.ignore(target.registry.putManifest(target.repository, target.tag, top));
          }
          return yield* copier.copy(request);
        }),
    }),
  },
  "expired-lease-writes": {
    what: "a worker that lost its lease goes on and puts its tag (invariant 6)",
    bus: (bus) => ({
      ...bus,
      extend: (item, leaseMs) => onLost(new Date(0))(bus.extend(item, leaseMs)),
      intend: (item, digest, neededMs) => onLost<void>(undefined)(bus.intend(item, digest, neededMs)),
    }),
  },
  "absence-without-witness": {
    what: "one 404 is taken for a proof: nobody reads a witness in the same repository (invariant 5)",
    registry: (registry) => ({
      ...registry,
      tags: () => Stream.make([WITNESS]),
      manifest: (repository, reference) =>
        reference === WITNESS && WITNESSED !== undefined
          ? Effect.succeed(WITNESSED)
          : registry.manifest(repository, reference),
    }),
  },
  "position-before-commit": {
    what: "positions are given when a transaction begins: an event appears behind a checkpoint (invariant 2)",
    database: { positionsAtBegin: true },
  },
} as const satisfies Record<string, Mutant>;

export type MutantName = keyof typeof MUTANTS;
export const isMutant = (name: string): name is MutantName => name in MUTANTS;
