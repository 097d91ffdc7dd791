import type { CompiledRoute } from "@drayage/domain";
import type { Finding, RegistryError } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { Opened } from "./open.ts";
import type { Wanted } from "./uses.ts";

/** Push, as the routes need it: an upload is opened in some repositories that they write, and cancelled. Nothing is left behind. */
export const lookAtTarget = (
  opened: Opened,
  routes: ReadonlyArray<CompiledRoute>,
  writes: ReadonlyArray<Wanted>,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.map(
    Effect.forEach(writes, (wanted) => tryPush(opened, wanted)),
    (pushes) => [...pushes.flat(), ...deletion(opened, routes), ...(writes.length === 0 ? [nothingToTry(opened)] : [])],
  );

const tryPush = (opened: Opened, wanted: Wanted): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const { registry } = opened;
    const { repository } = wanted;
    // A registry whose repositories we make would make this one for the question alone.
    if (registry.powers.createRepository !== undefined && (yield* isMissing(opened, repository)))
      return [willBeMade(wanted)];
    const upload = yield* registry.startUpload(repository);
    if (upload._tag === "Opened") yield* registry.cancelUpload(repository, upload.location);
    return [];
  }).pipe(Effect.catch((error) => Effect.succeed([opened.explain(error, "push", wanted)])));

const isMissing = ({ registry }: Opened, repository: RepositoryName): Effect.Effect<boolean, RegistryError> =>
  registry.tags(repository).pipe(
    Stream.take(1),
    Stream.runDrain,
    Effect.as(false),
    Effect.catchIf(
      (error) => error.reason === "repository-unknown",
      () => Effect.succeed(true),
    ),
  );

const willBeMade = ({ repository, key }: Wanted): Finding => ({
  severity: "note",
  key,
  what: `${repository} is not there: it is made with the first copy; whether we may is not tried`,
});

/** That we may delete shows only by deleting, which nobody asked for. */
const deletion = ({ config, registry }: Opened, routes: ReadonlyArray<CompiledRoute>): ReadonlyArray<Finding> =>
  routes
    .filter(({ route }) => route.deletes.mode === "mirror")
    .map(({ route }) =>
      registry.traits.tagDelete === "none"
        ? {
            severity: "warning",
            key: `routes.${route.name}.deletes`,
            what: `${config.name} deletes no tags, so deletions at the source will be parked`,
            mend: "Use `deletes: ignore` for this target, in a route of its own",
          }
        : {
            severity: "note",
            key: `routes.${route.name}.deletes`,
            what: `the credentials of ${config.name} need the right to delete; that is not tried`,
          },
    );

const nothingToTry = ({ config }: Opened): Finding => ({
  severity: "unknown",
  key: `registries.${config.name}`,
  what: "no repository is known that the routes would write, so pushing was not tried",
  mend: "Mend what is said of the source first, or name a repository without a glob in the route",
});
