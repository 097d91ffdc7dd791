import type { EventBody } from "@drayage/admin";
import { type DomainEvent, decodeEvent, type ReplicationSucceeded } from "@drayage/domain";
import colors from "picocolors";
import prettyBytes from "pretty-bytes";
import { shortDigest } from "./short-digest.ts";

/** One event as a line for people: position, time, what, of what, and the detail that matters. */
export const eventLine = (event: Pick<EventBody, "position" | "recordedat" | "type" | "subject" | "data">): string => {
  const decoded = decodeEvent({ type: event.type, data: event.data });
  const time = colors.dim(event.recordedat.slice(11, 23));
  const position = colors.dim(String(event.position).padStart(5));
  const subject = shortSubject(event.subject ?? "");
  if (decoded._tag === "UnknownEvent" || decoded._tag === "InvalidEvent")
    return `${position} ${time} ${event.type} ${subject}`;
  // Children of an index and the like: they say little, and there are many of them.
  if (decoded._tag === "ImagePushed" && decoded.tag === undefined)
    return `${position} ${time} ${colors.dim(`${decoded._tag.padEnd(TYPE_WIDTH)} ${subject}`)}`;
  const colour = COLOUR[decoded._tag] ?? ((text: string) => text);
  return `${position} ${time} ${colour(decoded._tag.padEnd(TYPE_WIDTH))} ${subject}${detailOf(decoded)}`;
};

/** The longest name, `ReconciliationCompleted`. */
const TYPE_WIDTH = 23;

/** Digests and ids as short as people need them; all of them is in `--json`. */
const shortSubject = (subject: string): string =>
  shortDigest(subject).replace(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "$1");

const COLOUR: Partial<Record<DomainEvent["_tag"], (text: string) => string>> = {
  ImagePushed: colors.cyan,
  TagDeleted: colors.magenta,
  ImagePromoted: colors.cyan,
  ReferrerPushed: colors.cyan,
  DriftFound: colors.yellow,
  ReplicationSucceeded: colors.green,
  ReplicationFailed: colors.yellow,
  ReplicationParked: colors.red,
};

const detailOf = (event: DomainEvent): string => {
  switch (event._tag) {
    case "ReplicationSucceeded":
      return colors.dim(`  ${succeeded(event).join(", ")}`);
    case "ReplicationFailed":
    case "ReplicationParked":
      return colors.dim(`  ${event.error.side}: ${event.error.reason}: ${event.error.detail}`);
    case "ReplicationSkipped":
      return colors.dim(`  ${event.reason}`);
    case "DriftFound":
      return colors.dim(`  ${event.kind}`);
    case "ImagePushed":
    case "TagDeleted":
    case "TagAdopted":
      return event.digest === undefined ? "" : colors.dim(`  ${shortDigest(event.digest)}`);
    case "ImagePromoted":
      return event.to === undefined
        ? ""
        : colors.dim(`  to ${event.to.repository}${event.to.tag === undefined ? "" : `:${event.to.tag}`}`);
    case "TargetPaused":
    case "TargetResumed":
    case "DeliveryDiscarded":
      return colors.dim(`  ${event.why}`);
    case "ReplayRequested":
      return colors.dim(`  after position ${event.after}: ${event.why}`);
    case "RescanRequested":
      return colors.dim(`  ${event.reason}`);
    case "ReconciliationCompleted":
      return colors.dim(
        `  ${event.compared} compared, ${Object.values(event.drift).reduce((sum, count) => sum + count, 0)} drift, ${event.completeness}`,
      );
    case "ReferrerPushed":
    case "ReconciliationStarted":
    case "DeletionProposed":
    case "DeletionRefused":
    case "ConfigurationApplied":
    case "DeliveryRetried":
      return "";
  }
};

/** What is zero is left out. */
const succeeded = ({ action, digest, blobs, bytes, referrers, durationMs }: ReplicationSucceeded) => [
  action,
  ...(digest === undefined ? [] : [shortDigest(digest)]),
  ...(blobs.copied > 0 ? [`${blobs.copied} blobs copied (${prettyBytes(bytes.copied)})`] : []),
  ...(blobs.mounted > 0 ? [`${blobs.mounted} mounted`] : []),
  ...(blobs.present > 0 ? [`${blobs.present} present`] : []),
  ...(referrers > 0 ? [`${referrers} ${referrers === 1 ? "referrer" : "referrers"}`] : []),
  ...(durationMs > 0 ? [`${durationMs} ms`] : []),
];
