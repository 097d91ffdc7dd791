import type { AbsenceMeans, RegistryError } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import type { Keys } from "./keys.ts";
import type { Sources } from "./sources.ts";

const STORED: ReadonlySet<string> = new Set(["local", "federated"]);
const DELETED: AbsenceMeans = { _tag: "Deleted" };
const unknown = (why: string): AbsenceMeans => ({ _tag: "Unknown", why });

/**
 * A tag that is gone was deleted only where it was stored: a cache evicts, and a virtual key shows what its members have at the time. What Artifactory says
 * of the key counts before what the configuration says; where it does not tell, the declaration does, and without one nothing follows.
 */
export const absenceOf =
  (keys: Keys, sources: Sources) =>
  (repository: RepositoryName): Effect.Effect<AbsenceMeans, RegistryError> => {
    const [key = ""] = repository.split("/");
    return Effect.flatMap(typesOf(keys), (types) => meaning(key, types, keys, sources, new Set()));
  };

/** Types by key; nothing where the list is not for us. */
const typesOf = (keys: Keys): Effect.Effect<ReadonlyMap<string, string>, RegistryError> =>
  keys.all.pipe(
    Effect.map((all) => new Map(all.map(({ key, type }) => [key, type]))),
    Effect.catchIf(
      ({ reason }) => reason === "denied" || reason === "not-found",
      () => Effect.succeed(new Map<string, string>()),
    ),
  );

const meaning = (
  key: string,
  types: ReadonlyMap<string, string>,
  keys: Keys,
  sources: Sources,
  above: ReadonlySet<string>,
): Effect.Effect<AbsenceMeans, RegistryError> => {
  const type = types.get(key) ?? sources.kindOf(key)?._tag.toLowerCase();
  if (type !== undefined && STORED.has(type)) return Effect.succeed(DELETED);
  if (type === "remote")
    return Effect.succeed(unknown(`${key} is a remote repository: what is gone there was evicted`));
  if (type !== "virtual" || above.has(key))
    return Effect.succeed(
      unknown(`Artifactory does not say what kind of repository ${key} is: declare it under repositories`),
    );
  return Effect.flatMap(membersOf(key, keys, sources), (members) =>
    members === undefined || members.length === 0
      ? Effect.succeed(
          unknown(`the members of the virtual repository ${key} are not known: declare them under repositories`),
        )
      : Effect.map(
          Effect.forEach(members, (member) => meaning(member, types, keys, sources, new Set([...above, key]))),
          (all) => {
            const doubtful = all.find((one) => one._tag === "Unknown");
            return doubtful === undefined ? DELETED : unknown(`${key} is virtual, and ${doubtful.why}`);
          },
        ),
  );
};

/** As Artifactory says, else as declared. */
const membersOf = (
  key: string,
  keys: Keys,
  sources: Sources,
): Effect.Effect<ReadonlyArray<string> | undefined, RegistryError> =>
  Effect.catchIf(
    keys.members(key),
    // A key that is not there, or not for us, is answered with 400. Source: facts/artifactory.md 3.2.
    ({ reason }) => reason === "denied" || reason === "not-found" || reason === "invalid-request",
    () => {
      const declared = sources.kindOf(key);
      return Effect.succeed(declared?._tag === "Virtual" ? declared.members : undefined);
    },
  );
