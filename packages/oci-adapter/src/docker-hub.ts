import { isManifestType } from "@drayage/oci-core/model";
import { deliveredOf } from "./delivered.ts";
import { placeOf } from "./names.ts";
import { type Meaning, mildly, type Sender } from "./sender.ts";
import { type DockerHubPush, readDockerHub } from "./wire.ts";

/**
 * Docker Hub: pushes only, without a digest or an id. `callback_url` is never called: it would let the sender choose where we connect to.
 * Whether a refused body comes again is not documented, so none is refused. Source: facts/event-sources.md, section 8.
 */
export const dockerHub: Sender = {
  name: "Docker Hub",
  recognises: ({ document }) => readDockerHub(document) !== undefined,
  parse: ({ document }) => {
    const push = readDockerHub(document);
    return mildly(push === undefined ? [] : [meaningOf(push)]);
  },
};

const meaningOf = ({ push_data, repository }: DockerHubPush): Meaning => {
  const { pushed_at, pusher, tag, media_type: mediaType = "" } = push_data;
  const place = placeOf({
    repository: { at: "repository.repo_name", text: repository.repo_name },
    tag: { at: "push_data.tag", text: tag },
    digest: undefined,
  });
  if ("warning" in place) return place;
  const delivery = deliveredOf({ time: pushed_at, actor: pusher });
  if (place.tag === undefined) {
    return {
      notification: { _tag: "Changed", repository: place.repository, reason: "a push that names no tag", delivery },
    };
  }
  return {
    notification: {
      _tag: "Pushed",
      ...place,
      mediaType: isManifestType(mediaType) ? mediaType : undefined,
      delivery,
    },
  };
};
