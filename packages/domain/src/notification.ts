import { type Digest, isDigestTag, parseDigestTag, type RepositoryName, type Tag } from "@drayage/oci-core/model";
import type { RescanRequested, SourceEvent } from "./event.ts";

/**
 * The part of oci-core's neutral `Notification` that events are made of. Written again here because the domain knows only the model;
 * a `Notification` can be passed as it is.
 */
export type SourceNotification =
  | {
      readonly _tag: "Pushed";
      readonly repository: RepositoryName;
      readonly tag?: Tag | undefined;
      readonly digest?: Digest | undefined;
      readonly mediaType?: string | undefined;
      readonly platforms?: ReadonlyArray<string> | undefined;
    }
  | {
      readonly _tag: "Deleted";
      readonly repository: RepositoryName;
      readonly tag?: Tag | undefined;
      readonly digest?: Digest | undefined;
    }
  | {
      readonly _tag: "Promoted";
      readonly from: { readonly repository: RepositoryName; readonly tag?: Tag | undefined };
      readonly to?: { readonly repository: RepositoryName; readonly tag?: Tag | undefined } | undefined;
      readonly move?: boolean | undefined;
    }
  | { readonly _tag: "Changed"; readonly repository: RepositoryName; readonly reason: string };

/**
 * The facts that one notification is. A pushed digest tag (`sha256-<hex>.sig`) is a referrer of its subject; the tag of a sha512
 * subject is cut and does not tell it, so the repository is looked through. A deletion without a
 * tag cannot say which tags went, so a rescan of the repository is asked for beside it, in the same append.
 */
export const eventOf = (
  registry: string,
  notification: SourceNotification,
): ReadonlyArray<SourceEvent | RescanRequested> => {
  switch (notification._tag) {
    case "Pushed": {
      const { repository, tag, digest, mediaType, platforms } = notification;
      const referred = tag === undefined ? undefined : parseDigestTag(tag);
      if (referred !== undefined) return [{ _tag: "ReferrerPushed", registry, repository, subject: referred.subject }];
      if (tag !== undefined && isDigestTag(tag)) {
        return [{ _tag: "RescanRequested", registry, repository, reason: `referrers pushed under ${tag}` }];
      }
      return [{ _tag: "ImagePushed", registry, repository, tag, digest, mediaType, platforms }];
    }
    case "Deleted": {
      const { repository, tag, digest } = notification;
      const deleted: SourceEvent = { _tag: "TagDeleted", registry, repository, tag, digest };
      if (tag !== undefined) return [deleted];
      const reason = digest === undefined ? "deletion without a tag" : `deletion of ${digest}`;
      return [deleted, { _tag: "RescanRequested", registry, repository, reason }];
    }
    case "Changed":
      return [{ _tag: "RescanRequested", registry, repository: notification.repository, reason: notification.reason }];
    case "Promoted": {
      const { from, to, move } = notification;
      return [
        { _tag: "ImagePromoted", registry, from: placeOf(from), to: to === undefined ? undefined : placeOf(to), move },
      ];
    }
  }
};

/** Only what an event holds: senders may pass objects with more in them. */
const placeOf = (place: { readonly repository: RepositoryName; readonly tag?: Tag | undefined }) => ({
  repository: place.repository,
  tag: place.tag,
});
