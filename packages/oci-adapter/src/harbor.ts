import type { Delivered, Notification } from "@drayage/oci-core";
import { deliveredOf, nthOf } from "./delivered.ts";
import { kindOf, placeOf, tagUnlessDigest } from "./names.ts";
import { type Meaning, mildly, type Sender } from "./sender.ts";
import { type HarborArtifact, readHarbor } from "./wire.ts";

/** Harbor sends exactly one resource in a push or deletion; a few more are no harm. */
const RESOURCES_MAX = 100;

/** Payload formats `Default` and `CloudEvents` have their own words. All other types are no news of a tag. */
const NEWS: Readonly<Record<string, Notification["_tag"]>> = {
  PUSH_ARTIFACT: "Pushed",
  DELETE_ARTIFACT: "Deleted",
  "harbor.artifact.pushed": "Pushed",
  "harbor.artifact.deleted": "Deleted",
};

/**
 * Harbor 2.x. `repo_full_name` is the whole name; `tag` is the first tag of the artifact, or its digest when it has none. A replication into
 * this Harbor and a retention run are told by pushes and deletions of their own; what REPLICATION and TAG_RETENTION say of names is not
 * enough to find a tag. Harbor tries a refused body three times, so none is refused. Source: facts/event-sources.md, section 3.
 */
export const harbor: Sender = {
  name: "Harbor",
  recognises: ({ document }) => readHarbor(document) !== undefined,
  parse: ({ document }) => {
    const event = readHarbor(document);
    return mildly(event === undefined ? [] : meaningsOf(event));
  },
};

const meaningsOf = (event: HarborArtifact): ReadonlyArray<Meaning> => {
  const news = Object.hasOwn(NEWS, event.type) ? NEWS[event.type] : undefined;
  if (news === undefined) return [{ ignored: kindOf(event.type) }];
  const { resources, data } = event;
  if (resources.length === 0 || resources.length > RESOURCES_MAX) {
    return [{ warning: `${data}.resources: ${resources.length} of them, 1 to ${RESOURCES_MAX} are read` }];
  }
  const delivery = deliveredOf({ id: event.id, time: event.time, actor: event.operator });
  const repository = { at: `${data}.repository.repo_full_name`, text: event.repository };
  const found = resources.flatMap((resource, index): ReadonlyArray<Unnumbered | { readonly warning: string }> => {
    const place = placeOf({
      repository,
      tag: { at: `${data}.resources[${index}].tag`, text: tagUnlessDigest(resource.tag) },
      digest: resource.digest,
    });
    if ("warning" in place) return [place];
    if (news === "Pushed") return [{ _tag: "Pushed", ...place }];
    const whole = { _tag: "Deleted", repository: place.repository, digest: place.digest } as const;
    // Every tag of the artifact went and one is named: as a deletion by digest it also asks for the others.
    return place.tag === undefined ? [whole] : [{ _tag: "Deleted", ...place }, whole];
  });
  return numbered(found, delivery);
};

type Unnumbered = Extract<Notification, { readonly _tag: "Pushed" | "Deleted" }>;

const numbered = (
  found: ReadonlyArray<Unnumbered | { readonly warning: string }>,
  delivery: Delivered,
): ReadonlyArray<Meaning> =>
  found.map((each, n) => ("warning" in each ? each : { notification: { ...each, delivery: nthOf(delivery, n) } }));
