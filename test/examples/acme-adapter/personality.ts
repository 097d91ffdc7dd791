import { empty, json, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";

/** Acme in this process: it refuses what the real one refuses. `made` are the repositories that its API made. */
export interface Acme extends StrictRegistry {
  readonly made: ReadonlySet<string>;
}

export interface AcmeRules {
  readonly quotaLeftBytes: number;
  /** As if every repository had been made already. */
  readonly isEveryRepositoryMade: boolean;
}

export const startAcme = ({
  quotaLeftBytes = 2 ** 40,
  isEveryRepositoryMade = false,
}: Partial<AcmeRules> = {}): Effect.Effect<Acme, never, Scope.Scope> => {
  const made = new Set<string>();
  return Effect.map(
    startStrictRegistry({
      tagDelete: "digest",
      mount: "refused",
      intercept: async ({ method, url }) => {
        const { pathname } = url;
        if (method === "GET" && pathname === "/api/account") return json(200, { quotaLeftBytes });
        const repository = method === "PUT" ? /^\/api\/repositories\/(.+)$/.exec(pathname)?.[1] : undefined;
        if (repository !== undefined) {
          const isNew = !made.has(repository);
          made.add(repository);
          return empty(isNew ? 201 : 409);
        }
        const pushed = method === "POST" ? /^\/v2\/(.+)\/blobs\/uploads\/$/.exec(pathname)?.[1] : undefined;
        if (pushed !== undefined && !isEveryRepositoryMade && !made.has(pushed))
          return json(404, { errors: [{ code: "NAME_UNKNOWN", message: `there is no ${pushed}` }] });
        return undefined;
      },
    }),
    (registry) => ({ ...registry, made }),
  );
};
