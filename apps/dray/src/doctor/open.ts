import type { RegistryConfig } from "@drayage/config";
import type { Finding, Observation, Registry, RegistryError } from "@drayage/oci-core";
import { connectByType } from "@drayage/registries";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { Seen } from "./clock.ts";
import { type Attempt, explain } from "./explain.ts";
import type { Wanted } from "./uses.ts";

/** One registry while it is looked at: its client, and what went over the wire. */
export interface Opened {
  readonly config: RegistryConfig;
  readonly registry: Registry;
  /** Dates of the registry's own answers. */
  readonly dates: () => ReadonlyArray<Seen>;
  /** Where requests went beside the registry itself. */
  readonly others: () => ReadonlyArray<Pick<Observation, "origin" | "purpose">>;
  /** Whether a token server has given us a token. */
  readonly gotToken: () => boolean;
  /** An error of the client as a finding. */
  readonly explain: (error: RegistryError, doing: Attempt["doing"], wanted?: Wanted) => Finding;
}

/** Opens a client of its own, so that what it sees belongs to this look alone. Fails where files of the configuration cannot be read. */
export const open = (config: RegistryConfig): Effect.Effect<Opened, RegistryError, Scope.Scope> =>
  Effect.gen(function* () {
    const wire = watchWire();
    const registry = yield* connectByType(config, wire.observe);
    return {
      config,
      registry,
      dates: () => wire.dates,
      others: () => [...wire.others.values()],
      gotToken: wire.gotToken,
      explain: (error, doing, wanted) =>
        explain(error, {
          registry: config.name,
          doing,
          wanted,
          credentials: credentialsOf(config),
          foreignOrigin: wire.foreignFailure(),
          hasProxy: config.network.proxy !== undefined,
          hasEndpoint: config.network.endpoint !== undefined,
        }),
    };
  });

const watchWire = () => {
  const dates: Array<Seen> = [];
  const others = new Map<string, Pick<Observation, "origin" | "purpose">>();
  let last: Observation | undefined;
  let tokens = 0;
  return {
    dates,
    others,
    gotToken: () => tokens > 0,
    foreignFailure: () => (last?.status === "error" && last.purpose !== "registry" ? last.origin : undefined),
    observe: (observation: Observation): void => {
      last = observation;
      const { origin, purpose, date, status } = observation;
      if (purpose === "token" && status === 200) tokens += 1;
      if (purpose === "registry") dates.push({ date, at: Date.now() });
      else others.set(`${purpose} ${origin}`, { origin, purpose });
    },
  };
};

/** Who we say that we are; clouds and helpers answer for themselves. */
const credentialsOf = ({ auth }: RegistryConfig): Attempt["credentials"] => {
  if (auth === "docker-config") return "docker";
  return Array.isArray(auth) && auth.every(({ _tag }) => _tag === "Anonymous") ? "none" : "configured";
};
