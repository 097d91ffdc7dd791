/**
 * What every implementation of `Registry` must do, against whatever server: one suite for our client with the strict
 * registry, with a real one and with the personalities of the adapters. What the client writes is read back over plain
 * HTTP, and what it reads was pushed over plain HTTP, so that two mistakes cannot cancel each other.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { CONTRACT } from "./contract-cases.ts";
import { type ContractSubject, repositoryName } from "./contract-support.ts";

/** The functions of a test runner that the suite needs: hand it those of vitest. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  readonly beforeAll: (body: () => Promise<void>) => unknown;
  readonly afterAll: (body: () => Promise<void>) => unknown;
}

/** Declares the suite. `make` is run once; every case works in repositories of its own. */
export const registryContract = <E>(
  { describe, it, beforeAll, afterAll }: TestRunner,
  name: string,
  make: () => Effect.Effect<ContractSubject, E, Scope.Scope>,
): void => {
  describe(`registry contract: ${name}`, () => {
    const scope = Scope.makeUnsafe();
    let subject: ContractSubject | undefined;
    beforeAll(async () => {
      subject = await Effect.runPromise(Scope.provide(make(), scope));
    });
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)));
    for (const [n, [title, run]] of Object.entries(CONTRACT).entries()) {
      it(title, async () => {
        if (subject === undefined) throw new Error("the server did not start");
        await Effect.runPromise(run(subject, repositoryName(`contract/case-${n}-${Date.now().toString(36)}`)));
      });
    }
  });
};
