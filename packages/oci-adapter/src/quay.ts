import { deliveredOf } from "./delivered.ts";
import { placeOf } from "./names.ts";
import { type Meaning, mildly, type Sender } from "./sender.ts";
import { readQuay } from "./wire.ts";

/** One push names a tag, seldom a few. Far above any body that Quay makes. */
const TAGS_MAX = 1000;

/**
 * Quay, "Push to Repository" with its own body (a JSON template of the hook's owner replaces it, and is not recognised). Tags come as a list,
 * in old releases as the keys of a map; no digest, no id, no time. Quay turns a hook off after three failures, so nothing is
 * refused. Other events have the same frame without `updated_tags`. Source: facts/event-sources.md, section 7.
 */
export const quay: Sender = {
  name: "Quay",
  recognises: ({ document }) => readQuay(document) !== undefined,
  parse: ({ document }) => {
    const body = readQuay(document);
    if (body === undefined) return mildly([]);
    const { repository, tags } = body;
    if (tags === undefined) return mildly([{ ignored: "no updated_tags" }]);
    if (tags.length === 0) return mildly([changed(repository)]);
    const more: ReadonlyArray<Meaning> =
      tags.length > TAGS_MAX ? [{ warning: `updated_tags: ${tags.length} tags, ${TAGS_MAX} are read` }] : [];
    return mildly([...tags.slice(0, TAGS_MAX).map((tag, index) => pushed(repository, tag, index)), ...more]);
  },
};

/** A push whose tags Quay left out: the repository is asked for them. */
const changed = (repository: string | undefined): Meaning => {
  const place = placeOf({
    repository: { at: "repository", text: repository },
    tag: { at: "updated_tags", text: undefined },
    digest: undefined,
  });
  if ("warning" in place) return place;
  return {
    notification: {
      _tag: "Changed",
      repository: place.repository,
      reason: "a push that names no tag",
      delivery: deliveredOf({}),
    },
  };
};

const pushed = (repository: string | undefined, tag: unknown, index: number): Meaning => {
  const at = `updated_tags[${index}]`;
  if (typeof tag !== "string") return { warning: `${at}: is no text` };
  const place = placeOf({
    repository: { at: "repository", text: repository },
    tag: { at, text: tag },
    digest: undefined,
  });
  return "warning" in place ? place : { notification: { _tag: "Pushed", ...place, delivery: deliveredOf({}) } };
};
