import type { EventBody } from "@drayage/admin";
import { type DomainEvent, decodeEvent } from "@drayage/domain";
import colors from "picocolors";
import prettyBytes from "pretty-bytes";

/** One event as a line for people: position, time, what, of what, and the detail that matters. */
export const eventLine = (event: Pick<EventBody, "position" | "recordedat" | "type" | "subject" | "data">): string => {
  const decoded = decodeEvent({ type: event.type, data: event.data });
  const time = colors.dim(event.recordedat.slice(11, 23));
  const position = colors.dim(String(event.position).padStart(5));
  if (decoded._tag === "UnknownEvent" || decoded._tag === "InvalidEvent")
    return `${position} ${time} ${event.type} ${event.subject ?? ""}`;
  const colour = COLOUR[decoded._tag] ?? ((text: string) => text);
  return `${position} ${time} ${colour(decoded._tag.padEnd(23))} ${event.subject ?? ""}${detailOf(decoded)}`;
};

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
    case "ReplicationSucceeded": {
      const parts = [
        event.action,
        event.digest?.slice(0, 19),
        event.action === "copied"
          ? `${event.blobs.copied} blobs copied (${prettyBytes(event.bytes.copied)}), ${event.blobs.mounted} mounted, ${event.blobs.present} present`
          : undefined,
        event.referrers > 0 ? `${event.referrers} referrers` : undefined,
        event.durationMs > 0 ? `${event.durationMs} ms` : undefined,
      ];
      return colors.dim(`  ${parts.filter((part) => part !== undefined).join(", ")}`);
    }
    case "ReplicationFailed":
    case "ReplicationParked":
      return colors.dim(`  ${event.error.side}: ${event.error.reason}: ${event.error.detail}`);
    case "ReplicationSkipped":
      return colors.dim(`  ${event.reason}`);
    case "DriftFound":
      return colors.dim(`  ${event.kind}`);
    case "ImagePushed":
    case "TagDeleted":
      return event.digest === undefined ? "" : colors.dim(`  ${event.digest.slice(0, 19)}`);
    case "ImagePromoted":
      return event.to === undefined
        ? ""
        : colors.dim(`  to ${event.to.repository}${event.to.tag === undefined ? "" : `:${event.to.tag}`}`);
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
