import type { Delivered, Notification, NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { isManifestType, parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import type { EcrOptions } from "./options.ts";
import { type EcrEvent, readEvent } from "./wire.ts";

const ID_LENGTH_MAX = 200;
const SHOWN_MAX = 80;

/**
 * EventBridge events of ECR. EventBridge comes again for a day after anything but a success, so nothing is refused: what cannot be read is a
 * warning. An event of another account or region is none of this registry's. Source: facts/ecr.md section 8, facts/event-sources.md section 9.
 */
export const parseEventBridge = (
  { body }: NotificationRequest,
  where: Pick<EcrOptions, "account" | "region" | "isPublic">,
): ParsedNotifications => {
  if (where.isPublic) return warn("ECR Public is not known to send events: nothing is done with this one");
  const event = readEvent(body);
  if (event === undefined) return warn("the body is no JSON object");
  if (event.source !== "aws.ecr")
    return warn(`source: ${shown(event.source)} is not aws.ecr; an input transformer must leave the event as it is`);
  if (event.account !== where.account || event.region !== where.region)
    return ignore(`event of ${shown(event.account)} in ${shown(event.region)}`);
  const type = event["detail-type"];
  if (type === "ECR Replication Action") return replicated(event);
  if (type !== "ECR Image Action") return ignore(`${shown(type)}: of no interest`);
  return imageAction(event);
};

const imageAction = (event: EcrEvent): ParsedNotifications => {
  const { detail } = event;
  const action = detail?.["action-type"];
  if (detail?.result !== "SUCCESS") return ignore(`${shown(action)} with the result ${shown(detail?.result)}`);
  if (action !== "PUSH" && action !== "DELETE") return ignore(`action ${shown(action)}`);
  return notificationOf(event, action);
};

/** What ECR's own replication brought here is a push like any other. */
const replicated = (event: EcrEvent): ParsedNotifications =>
  event.detail?.result === "SUCCESS" ? notificationOf(event, "PUSH") : ignore("a replication that failed");

const notificationOf = (event: EcrEvent, action: "PUSH" | "DELETE"): ParsedNotifications => {
  const { detail = {} } = event;
  const repository = parseRepositoryName(detail["repository-name"] ?? "");
  if (repository === undefined)
    return warn(`detail.repository-name: ${shown(detail["repository-name"])} is no repository name`);
  const written = detail["image-tag"] ?? "";
  const tag = written === "" ? undefined : parseTag(written);
  if (written !== "" && tag === undefined) return warn(`detail.image-tag: ${shown(written)} is no tag`);
  const digest = parseDigest(detail["image-digest"] ?? "");
  const mediaType = detail["manifest-media-type"] ?? "";
  const delivery = deliveredOf(event);
  const notification: Notification =
    action === "PUSH"
      ? {
          _tag: "Pushed",
          repository,
          tag,
          digest,
          mediaType: isManifestType(mediaType) ? mediaType : undefined,
          delivery,
        }
      : { _tag: "Deleted", repository, tag, digest, delivery };
  return { _tag: "Parsed", notifications: [notification], ignored: [] };
};

/** The id of an event is the same each time EventBridge brings it. */
const deliveredOf = ({ id, time }: EcrEvent): Delivered => {
  const when = new Date(time ?? Number.NaN);
  return {
    id: id === undefined || id === "" || id.length > ID_LENGTH_MAX ? undefined : id,
    time: Number.isNaN(when.getTime()) ? undefined : when,
  };
};

const ignore = (why: string): ParsedNotifications => ({ _tag: "Parsed", notifications: [], ignored: [why] });
const warn = (why: string): ParsedNotifications => ({
  _tag: "Parsed",
  notifications: [],
  ignored: [],
  warnings: [why],
});
const shown = (text: string | undefined): string =>
  JSON.stringify((text ?? "").replace(/\p{C}/gu, "").slice(0, SHOWN_MAX));
