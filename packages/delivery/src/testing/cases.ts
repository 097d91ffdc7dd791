import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { it } from "vitest";
import type { BusFixture, MakeFixture } from "./fixture.ts";

type Body = (fixture: BusFixture) => Generator<Effect.Effect<unknown, never, Scope.Scope>, void, never>;

/** `it` for one implementation: each case has a new fixture. */
export const cases =
  (make: MakeFixture) =>
  (name: string, body: Body): void => {
    it(name, () =>
      Effect.runPromise(Effect.scoped(Effect.flatMap(make, (fixture) => Effect.gen(() => body(fixture))))),
    );
  };
