import type { Deliver, Notification, NotificationListener, RegistryError } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import type { Keys } from "./keys.ts";
import type { Search } from "./search.ts";
import { otherNames, type Sources } from "./sources.ts";
import { storedManifest } from "./stored.ts";
import type { AqlRow } from "./wire.ts";

/** How far back the first look goes: a restart, and clocks that differ. What is older than this is found by reconciliation. */
const FIRST_LOOK_MS = 10 * 60_000;
/** Looks overlap by this much: a change is visible when its transaction ends, which is after the time that it bears. */
const OVERLAP_MS = 60_000;
/** Keys in one query, whose text has at most 6000 characters (facts/artifactory.md 3.3); a key has at most 64. */
const KEYS_MAX = 50;
/** Changes told within the overlap, so that none is told twice. Forgetting one costs a comparison. */
const TOLD_MAX = 100_000;

export interface PollOptions {
  readonly everyMs: number;
  readonly sources: Sources;
  /** Opens what is asked; closed with the scope. */
  readonly open: Effect.Effect<{ readonly keys: Keys; readonly search: Search }, never, Scope.Scope>;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

const STORED: ReadonlySet<string> = new Set(["local", "federated"]);

/**
 * Changes by outbound requests alone: manifests that were written since the last look, at local and federated keys and at the caches of declared remotes.
 * What was deleted is in no answer; reconciliation finds it. Times are those of Artifactory, ours only begin the first look.
 */
export const pollListener = ({ everyMs, sources, open, now = Date.now }: PollOptions): NotificationListener => ({
  name: "poll",
  exclusive: true,
  run: (deliver) =>
    Effect.gen(function* () {
      const { keys, search } = yield* open;
      let since = new Date(now() - FIRST_LOOK_MS);
      const told = new Set<string>();
      while (true) {
        const look = yield* lookOnce(keys, search, sources, since, told, deliver);
        if (look !== undefined && look - OVERLAP_MS > since.getTime()) since = new Date(look - OVERLAP_MS);
        yield* Effect.sleep(everyMs);
      }
    }),
});

/** Tells what is new, and answers the newest time seen; `undefined` where something could not be stored, so that all of it comes again. */
const lookOnce = (
  keys: Keys,
  search: Search,
  sources: Sources,
  since: Date,
  told: Set<string>,
  deliver: Deliver,
): Effect.Effect<number | undefined, RegistryError> =>
  Effect.gen(function* () {
    const listed = yield* keys.all;
    const names = [...listed.filter(({ type }) => STORED.has(type)).map(({ key }) => key), ...sources.caches];
    let newest: number | undefined;
    let isStored = true;
    for (let from = 0; from < names.length; from += KEYS_MAX) {
      const query = { _tag: "Since", keys: names.slice(from, from + KEYS_MAX), since } as const;
      yield* Stream.runForEach(search.pages(query, { untilShort: false }), ({ rows }) =>
        Effect.gen(function* () {
          const fresh = rows.filter((row) => !told.has(changeOf(row)));
          const notifications = fresh.flatMap((row) => notificationsOf(sources, row));
          const receipt =
            notifications.length === 0 ? "irrelevant" : yield* deliver({ _tag: "Observed", notifications });
          if (receipt === "unavailable") {
            isStored = false;
            return;
          }
          if (told.size > TOLD_MAX) told.clear();
          for (const row of fresh) told.add(changeOf(row));
          for (const { modified } of rows) {
            const at = Date.parse(modified ?? "");
            if (at > (newest ?? 0)) newest = at;
          }
        }),
      );
    }
    return isStored ? newest : undefined;
  });

const changeOf = ({ repo, path, name, sha256, modified }: AqlRow): string =>
  JSON.stringify([repo, path, name, sha256, modified]);

const notificationsOf = (sources: Sources, row: AqlRow): ReadonlyArray<Notification> => {
  const stored = storedManifest(row);
  if (stored === undefined) return [];
  const { repository, tag, digest } = stored;
  const delivery = row.modified_by === undefined ? undefined : { actor: row.modified_by.slice(0, 200).toWellFormed() };
  return [
    { _tag: "Pushed", repository, tag, digest, delivery },
    // What a view shows is for the view to say.
    ...otherNames(sources, repository).map(
      (name): Notification => ({ _tag: "Pushed", repository: name, tag, delivery }),
    ),
  ];
};
