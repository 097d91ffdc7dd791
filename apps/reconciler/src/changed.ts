import { decodeEvent, EVENT_TYPES } from "@drayage/domain";
import { advanceWithin } from "@drayage/event-log";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { type Reconciler, reconcileAndAppend } from "./run.ts";

/** How far `changed` has read the log. */
export const CHANGED_SUBSCRIBER = "reconcile/changed";
/** Events read at once. */
const PAGE = 5_000;
/**
 * Repositories that are looked at once more because something could not be read. A side that is down for long would make them all the
 * repositories there are, every ten minutes: then it is left to the full reconciliation, which is repeated until it is complete.
 */
const AGAIN_MOST = 200;

const MOVED = [EVENT_TYPES.ImagePushed, EVENT_TYPES.TagDeleted, EVENT_TYPES.ImagePromoted, EVENT_TYPES.ReferrerPushed];

/** Source repositories that moved since the last run: what their events did not bring is found within minutes. */
export const changed = Effect.fnUntraced(function* (context: Reconciler) {
  const { log, database } = context;
  const head = yield* log.head;
  const moved = new Map<string, Set<RepositoryName>>();
  let position = (yield* log.checkpoint(CHANGED_SUBSCRIBER)) ?? head;
  for (let full = true; full; ) {
    const page = yield* log.read({ after: position, limit: PAGE, types: MOVED });
    for (const event of page) note(moved, decodeEvent(event));
    position = page.at(-1)?.position ?? position;
    full = page.length === PAGE;
  }
  let complete = true;
  let repositories = 0;
  for (const [registry, names] of moved) {
    const extent = { _tag: "Some", registry, repositories: [...names].sort() } as const;
    const [only, ...others] = extent.repositories;
    // Names of one only: an event names things and does not list them.
    const repository = others.length === 0 ? `${registry}/${only}` : undefined;
    const report = yield* reconcileAndAppend(context, { kind: "changed", repository }, extent);
    complete &&= report.completeness === "complete";
    repositories += names.size;
  }
  if (!complete && repositories <= AGAIN_MOST) return;
  // The head was read first: everything up to it was seen, whatever its type.
  const to = Math.max(position, head);
  yield* database.transaction("advance changed", (trx) => advanceWithin(trx, { subscriber: CHANGED_SUBSCRIBER, to }));
});

const note = (moved: Map<string, Set<RepositoryName>>, event: ReturnType<typeof decodeEvent>): void => {
  for (const { registry, repository } of placesOf(event)) {
    moved.set(registry, (moved.get(registry) ?? new Set()).add(repository));
  }
};

const placesOf = (
  event: ReturnType<typeof decodeEvent>,
): ReadonlyArray<{ readonly registry: string; readonly repository: RepositoryName }> => {
  switch (event._tag) {
    case "ImagePushed":
    case "TagDeleted":
    case "ReferrerPushed":
      return [event];
    case "ImagePromoted": {
      const { registry, from, to } = event;
      return [from, ...(to === undefined ? [] : [to])].map(({ repository }) => ({ registry, repository }));
    }
    default:
      return [];
  }
};
