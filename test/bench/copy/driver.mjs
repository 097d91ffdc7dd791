// A program that keeps many repositories in step, on nothing but the public API: what a user of the library would write. JavaScript, so
// that no time goes into removing types.
import { readFileSync } from "node:fs";
import { connectRegistry, dockerConfigAuth, makeCopier, parseRepositoryName } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";

const REPOSITORIES_AT_ONCE = 16;

const plan = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));

const sync = Effect.gen(function* () {
  const connect = (host) =>
    Effect.flatMap(dockerConfigAuth(host), (auth) =>
      connectRegistry({ name: host, url: new URL(`${plan.scheme}://${host}`), auth }),
    );
  const [source, target] = yield* Effect.all([connect(plan.source), connect(plan.target)]);
  const copier = yield* makeCopier();
  yield* Effect.forEach(
    plan.repositories,
    Effect.fnUntraced(function* (name) {
      const repository = parseRepositoryName(name);
      const result = yield* copier.copyRepository({
        source: { registry: source, repository },
        target: { registry: target, repository },
        depth: "tag",
        referrers: "none",
        onTag: (tag, outcome) => {
          if (Result.isFailure(outcome)) process.stderr.write(`${name}:${tag}: ${outcome.failure.message}\n`);
        },
      });
      if (result.failed > 0) yield* Effect.die(`${result.failed} tags of ${name} were not copied`);
    }),
    { concurrency: REPOSITORIES_AT_ONCE, discard: true },
  );
});

await Effect.runPromise(Effect.scoped(sync));
