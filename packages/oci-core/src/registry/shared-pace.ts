import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { Pace } from "./pace.ts";

/** Paces that are in use in this process, by the name of their quota. */
const paces = new Map<string, { readonly pace: Pace; users: number }>();

/** The pace of a quota, for as long as the scope: made by the first who asks, shared with all later ones, gone with the last. */
export const sharedPace = (
  quota: string,
  requestsPerSecond: number | undefined,
): Effect.Effect<Pace, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const shared = paces.get(quota) ?? { pace: new Pace(requestsPerSecond), users: 0 };
        shared.users += 1;
        paces.set(quota, shared);
        return shared;
      }),
      (shared) =>
        Effect.sync(() => {
          shared.users -= 1;
          if (shared.users === 0) paces.delete(quota);
        }),
    ),
    ({ pace }) => pace,
  );
