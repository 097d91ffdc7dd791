import { Pace, type Registry, type RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";

/** Requests a second of one action. Default quotas of AWS for an account and region; all can be raised. Source: facts/ecr.md section 5. */
const PUT_IMAGE_PER_SECOND = 10;
const UPLOADS_PER_SECOND = 100;
/** ECR Public allows about a tenth. */
const PUBLIC_PART = 0.1;

interface Quotas {
  readonly putImage: Pace;
  readonly startUpload: Pace;
  readonly completeUpload: Pace;
}

/** One budget for each account and region, however many registries of the configuration are in it. */
const budgets = new Map<string, Quotas>();

const quotasOf = (key: string, isPublic: boolean): Quotas => {
  const part = isPublic ? PUBLIC_PART : 1;
  const held = budgets.get(key) ?? {
    putImage: new Pace(PUT_IMAGE_PER_SECOND * part),
    startUpload: new Pace(UPLOADS_PER_SECOND * part),
    completeUpload: new Pace(UPLOADS_PER_SECOND * part),
  };
  budgets.set(key, held);
  return held;
};

/** The same registry, whose writes keep to the quotas of its account and region, and slow down where AWS still throttles them. */
export const withinQuotas = (registry: Registry, key: string, isPublic: boolean): Registry => {
  const quotas = quotasOf(key, isPublic);
  return {
    ...registry,
    putManifest: (repository, reference, manifest) =>
      paced(quotas.putImage, registry.putManifest(repository, reference, manifest)),
    startUpload: (repository, mount) => paced(quotas.startUpload, registry.startUpload(repository, mount)),
    upload: (repository, location, descriptor, body) =>
      paced(quotas.completeUpload, registry.upload(repository, location, descriptor, body)),
  };
};

const paced = <A>(pace: Pace, request: Effect.Effect<A, RegistryError>): Effect.Effect<A, RegistryError> =>
  Effect.suspend(() => Effect.andThen(Effect.sleep(pace.reserve(performance.now())), request)).pipe(
    Effect.tapError((error) =>
      Effect.sync(() => {
        if (error.reason === "rate-limited") pace.throttled(performance.now(), error.retryAfterMs);
      }),
    ),
  );
