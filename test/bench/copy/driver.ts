// A program that keeps many repositories in step, on nothing but the public API: what a user of the library would write.
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");

const { connectRegistry, dockerConfigAuth, makeCopier } = await import("@drayage/oci-core");
const { parseRepositoryName } = await import("@drayage/oci-core/model");
const Effect = await import("effect/Effect");
const Stream = await import("effect/Stream");

interface Plan {
  readonly source: string;
  readonly target: string;
  readonly scheme: string;
  readonly repositories: ReadonlyArray<string>;
}

const REPOSITORIES_AT_ONCE = 8;
const TAGS_AT_ONCE = 4;

const plan = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Plan;

const sync = Effect.gen(function* () {
  const connect = (host: string) =>
    Effect.flatMap(dockerConfigAuth(host), (auth) =>
      connectRegistry({ name: host, url: new URL(`${plan.scheme}://${host}`), auth }),
    );
  const [source, target] = yield* Effect.all([connect(plan.source), connect(plan.target)]);
  const copier = yield* makeCopier();
  yield* Effect.forEach(
    plan.repositories,
    (name) =>
      Effect.gen(function* () {
        const repository = parseRepositoryName(name);
        if (repository === undefined) return yield* Effect.die(`${name} is no name of a repository`);
        const tags = (yield* Stream.runCollect(source.tags(repository))).flat();
        yield* Effect.forEach(
          tags,
          (tag) =>
            copier.copy({
              source: { registry: source, repository, reference: tag },
              target: { registry: target, repository, tag },
              depth: "tag",
              referrers: "none",
            }),
          { concurrency: TAGS_AT_ONCE, discard: true },
        );
      }),
    { concurrency: REPOSITORIES_AT_ONCE, discard: true },
  );
});

await Effect.runPromise(Effect.scoped(sync));
