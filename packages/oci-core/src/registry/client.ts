import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { apiHost } from "../model/reference.ts";
import type { RegistryAuth, RegistrySettings } from "./adapter.ts";
import { makeBlobs } from "./blobs.ts";
import type { RegistryError } from "./errors.ts";
import { type Identities, makeExchange } from "./exchange.ts";
import { type Limiter, makeLimiter } from "./limit.ts";
import { makeListing } from "./listing.ts";
import { makeHttp } from "./make-http.ts";
import { makeManifests } from "./manifests.ts";
import type { Pace } from "./pace.ts";
import { makeReferrers } from "./referrers.ts";
import type { Registry } from "./registry.ts";
import { sharedPace } from "./shared-pace.ts";
import { Throttle } from "./throttle.ts";
import { type RegistryTraits, STANDARD_TRAITS } from "./traits.ts";
import { makeUploads } from "./uploads.ts";

/** Registries ask clients to say who they are; operators look for it in their logs. */
const USER_AGENT = "drayage";

/** Where and how to connect. */
export interface ConnectSettings extends Omit<RegistrySettings, "auth" | "traits"> {
  /**
   * Who we are: fixed, or an effect for credentials that run out (cloud tokens). The effect is run for each request, so it
   * must keep what it got. Tried in order; empty is anonymous.
   */
  readonly auth: ReadonlyArray<RegistryAuth> | Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError>;
  /** What differs from `STANDARD_TRAITS`. */
  readonly traits?: Partial<RegistryTraits> | undefined;
  /**
   * Names a quota that this registry shares with others of this process: they start requests at one pace, and a 429 to one slows all of
   * them. The rate is that of the first which is connected. Default: a pace of its own.
   */
  readonly quota?: string | undefined;
  /** Shared with other clients of the same registry, so that its limits hold for all of them together. Default: one of its own. */
  readonly limits?: SharedLimits | undefined;
  /** Default: `drayage`. */
  readonly userAgent?: string | undefined;
}

/** What several clients of one registry keep to together. */
export interface SharedLimits {
  readonly limiter: Limiter;
  readonly throttle: Throttle | undefined;
}

/** The limits of these traits, to be handed to several `connectRegistry`. `pace`: one shared with other registries. Default: its own. */
export const makeLimits = (
  {
    concurrency,
    requestsPerSecond,
    bandwidth,
  }: Pick<RegistryTraits, "concurrency" | "requestsPerSecond" | "bandwidth">,
  pace?: Pace | undefined,
): SharedLimits => ({
  limiter: makeLimiter(concurrency, requestsPerSecond, pace),
  throttle: bandwidth === undefined ? undefined : new Throttle(bandwidth),
});

/**
 * The standard client of one registry. Nothing is sent before the first method is run, so it cannot fail; the scope closes its connections and
 * aborts what is under way. `url` may carry a path that stands before `/v2/`; `docker.io` is connected at `registry-1.docker.io`.
 *
 * It retries what is safe to repeat and mends itself within seconds (see `retry.ts`); requests that carry a blob are never repeated here.
 */
export const connectRegistry = (settings: ConnectSettings): Effect.Effect<Registry, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { name, url } = settings;
    const traits: RegistryTraits = { ...STANDARD_TRAITS, ...settings.traits };
    const base = apiBase(url);
    const http = yield* Effect.acquireRelease(
      Effect.sync(() => makeHttp(base, settings.userAgent ?? USER_AGENT, settings.observe, settings.network)),
      (open) => Effect.promise(() => open.close()),
    );
    const pace = settings.quota === undefined ? undefined : yield* sharedPace(settings.quota, traits.requestsPerSecond);
    const { limiter, throttle } = settings.limits ?? makeLimits(traits, pace);
    const auth = yield* identitiesOf(settings.auth);
    const exchange = makeExchange({ name, url: base, auth, realms: settings.realms, http, limiter });
    const manifests = makeManifests(base, exchange, traits);
    return {
      name,
      url,
      traits,
      powers: {},
      ...manifests,
      ...makeBlobs(base, exchange, throttle),
      ...makeUploads(base, traits, exchange, throttle),
      ...makeListing(base, traits.tagPageSize, exchange),
      ...makeReferrers(base, traits, exchange, manifests.manifest),
    };
  });

const identitiesOf = (auth: ConnectSettings["auth"]): Effect.Effect<Identities> =>
  Effect.map(Effect.context<never>(), (context) =>
    isEffect(auth) ? (signal) => Effect.runPromiseWith(context)(auth, { signal }) : auth,
  );

const isEffect = (auth: ConnectSettings["auth"]): auth is Effect.Effect<ReadonlyArray<RegistryAuth>, RegistryError> =>
  Effect.isEffect(auth);

/** The API's address: Docker Hub's has another name than the registry, and credentials never stand in it. */
export const apiBase = (url: URL): URL => {
  const base = new URL(url.href);
  base.host = apiHost(url.host);
  base.username = "";
  base.password = "";
  base.search = "";
  base.hash = "";
  return base;
};
