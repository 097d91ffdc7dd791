import type { CompiledRoute } from "@drayage/domain";
import type { Finding, RegistryError } from "@drayage/oci-core";
import type { Manifest, RepositoryName, Tag } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { wholeFinding } from "./catalogue.ts";
import type { Opened } from "./open.ts";
import { namedReads, selectedReads, TRIED_MAX, type Wanted } from "./uses.ts";

/** How many pages of a catalogue (of tags) are looked through for a name that a route selects: more costs minutes at a large registry. */
const PAGES_MAX = 20;
/** An index may list indexes; one below another is as deep as images go. */
const DEPTH_MAX = 2;

/** What was found at a source. */
export interface SourceLook {
  readonly findings: ReadonlyArray<Finding>;
  /** What was tried and is there: targets are tried with the names that it becomes. */
  readonly reads: ReadonlyArray<RepositoryName>;
}

/** Pull, as the routes need it: lists tags, reads a manifest and opens a blob of some repositories that they select. */
export const lookAtSource = (opened: Opened, routes: ReadonlyArray<CompiledRoute>): Effect.Effect<SourceLook> =>
  Effect.gen(function* () {
    const { wanted, findings } = yield* repositoriesOf(opened, routes);
    const looks = yield* Effect.forEach(wanted, (one) => tryRead(opened, one, routes));
    return {
      findings: [...findings, ...looks.flatMap((look) => look.findings)],
      reads: wanted.map(({ repository }) => repository),
    };
  });

/** What the routes name; else the first that they select of the catalogue. */
const repositoriesOf = (
  opened: Opened,
  routes: ReadonlyArray<CompiledRoute>,
): Effect.Effect<{ readonly wanted: ReadonlyArray<Wanted>; readonly findings: ReadonlyArray<Finding> }> =>
  Effect.gen(function* () {
    const named = routes.flatMap(namedReads);
    const globbing = routes.filter((route) => namedReads(route).length === 0);
    if (globbing.length === 0) return { wanted: distinct(named), findings: [] };
    const found = new Map<CompiledRoute, Wanted>();
    const search = opened.registry.repositories().pipe(
      Stream.take(PAGES_MAX),
      Stream.takeUntil((page) => {
        for (const route of globbing) {
          const [first] = selectedReads(route, page);
          if (first !== undefined && !found.has(route)) found.set(route, first);
        }
        return found.size === globbing.length;
      }),
      Stream.runDrain,
    );
    const findings = yield* Effect.match(search, {
      onFailure: (error) => catalogueFindings(opened, error, globbing),
      onSuccess: () => globbing.filter((route) => !found.has(route)).map((route) => nothingSelected(opened, route)),
    });
    return { wanted: distinct([...named, ...found.values()]), findings };
  });

const distinct = (wanted: ReadonlyArray<Wanted>): ReadonlyArray<Wanted> =>
  [...new Map(wanted.map((one) => [one.repository, one])).values()].slice(0, TRIED_MAX * 2);

/** Many registries have no catalogue for us, which says nothing about pulling. What concerns the registry as a whole does. */
const catalogueFindings = (
  opened: Opened,
  error: RegistryError,
  routes: ReadonlyArray<CompiledRoute>,
): ReadonlyArray<Finding> => {
  const whole = wholeFinding(opened, error);
  if (whole !== undefined) return [whole];
  return routes.map(({ route }) => ({
    severity: "unknown",
    key: `routes.${route.name}.select.repositories`,
    what: `${opened.config.name} shows no catalogue, so no repository could be found to try (${error.reason}: ${error.detail})`,
    mend: "Name a repository without a glob too, and whether it can be pulled is tried",
  }));
};

const nothingSelected = (opened: Opened, { route }: CompiledRoute): Finding => ({
  severity: "unknown",
  key: `routes.${route.name}.select.repositories`,
  what: `nothing in the catalogue of ${opened.config.name} is selected (${PAGES_MAX} pages were looked at), so pulling was not tried`,
  mend: "Correct the globs if there should be something",
});

const tryRead = (opened: Opened, wanted: Wanted, routes: ReadonlyArray<CompiledRoute>): Effect.Effect<SourceLook> =>
  Effect.gen(function* () {
    const { registry } = opened;
    const { repository } = wanted;
    const tag = yield* Effect.mapError(tagOf(opened, repository, routes), (error) =>
      opened.explain(error, "list", wanted),
    );
    if (tag === undefined) return [noTags(wanted)];
    const read = Effect.gen(function* () {
      const manifest = yield* registry.manifest(repository, tag);
      yield* openBlobOf(opened, repository, manifest, DEPTH_MAX);
    });
    yield* Effect.mapError(read, (error) => opened.explain(error, "read", wanted));
    return [];
  }).pipe(
    Effect.catch((finding) => Effect.succeed([finding])),
    Effect.map((findings) => ({ findings, reads: [wanted.repository] })),
  );

const noTags = ({ repository, key }: Wanted): Finding => ({
  severity: "note",
  key,
  what: `${repository} has no tags yet: it can be listed; pulling was not tried`,
});

/** A tag that a route selects, else any. */
const tagOf = (
  { registry }: Opened,
  repository: RepositoryName,
  routes: ReadonlyArray<CompiledRoute>,
): Effect.Effect<Tag | undefined, RegistryError> => {
  let selected: Tag | undefined;
  let any: Tag | undefined;
  return registry.tags(repository).pipe(
    Stream.take(PAGES_MAX),
    Stream.takeUntil((page) => {
      any ??= page[0];
      selected = page.find((tag) => routes.some((route) => route.selectsTag(tag)));
      return selected !== undefined;
    }),
    Stream.runDrain,
    Effect.map(() => selected ?? any),
  );
};

/** Opens the smallest blob that an image has for sure, its config: a storage host may refuse what the registry allows. */
const openBlobOf = (
  opened: Opened,
  repository: RepositoryName,
  manifest: Manifest,
  depth: number,
): Effect.Effect<void, RegistryError> =>
  Effect.gen(function* () {
    const { registry } = opened;
    if (manifest._tag === "Image") {
      const { stream } = yield* registry.blob(repository, manifest.config);
      stream.destroy();
      return;
    }
    const [child] = manifest.manifests;
    if (child === undefined || depth === 0) return;
    yield* openBlobOf(opened, repository, yield* registry.manifest(repository, child.digest), depth - 1);
  });
