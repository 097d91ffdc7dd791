import type { Delivered, Notification, NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { type Located, locate, type Place } from "./locate.ts";
import { type Message, readMessage } from "./wire.ts";

/**
 * Notifications of the topic `gcr`, pulled or pushed, wrapped or bare. Pub/Sub sends again whatever is not answered with success, until its
 * retention ends: so what cannot be read is a warning. Source: facts/artifact-registry.md 2.2 to 2.5.
 */
export const parseArtifactRegistry = (place: Place, request: NotificationRequest): ParsedNotifications => {
  const message = readMessage(request.body);
  if (typeof message === "string") return warn(message);
  const { action, digest, tag } = message.change;
  if (action !== "INSERT" && action !== "DELETE") return ignore(`action ${printable(action)}: not known`);
  if (digest === undefined && tag === undefined) return warn("digest, tag: neither is there");
  const found = [tag, digest].filter((written) => written !== undefined).map((written) => locate(place, written));
  if (found.some(({ _tag }) => _tag === "Elsewhere")) return ignore("another location or project");
  const named = found.filter((one): one is Here => one._tag === "Here");
  const [first, second = first] = named;
  if (first === undefined || second === undefined || named.length < found.length)
    return warn("digest, tag: not host/project/repository/image with a tag or digest");
  if (first.name !== second.name) return warn("digest, tag: they name two images");
  return {
    _tag: "Parsed",
    notifications: [notificationOf(action, { ...first, digest: second.digest ?? first.digest }, request, message)],
    ignored: [],
  };
};

type Here = Extract<Located, { readonly _tag: "Here" }>;

const notificationOf = (
  action: "INSERT" | "DELETE",
  { name: repository, tag, digest }: Here,
  request: NotificationRequest,
  message: Message,
): Notification => ({
  _tag: action === "INSERT" ? "Pushed" : "Deleted",
  repository,
  tag,
  digest,
  delivery: deliveredOf(request, message),
});

/** The id of Pub/Sub is stable over its retries. Unwrapped push has it in headers, where the subscription is told to write them. */
const deliveredOf = ({ headers }: NotificationRequest, message: Message): Delivered | undefined => {
  const id = idOf(message.id ?? headers["x-goog-pubsub-message-id"]);
  const published = new Date(message.publishedAt ?? headers["x-goog-pubsub-publish-time"] ?? "");
  const time = Number.isNaN(published.getTime()) ? undefined : published;
  return id === undefined && time === undefined ? undefined : { id, time };
};

const idOf = (id: string | undefined): string | undefined =>
  id !== undefined && /^[\w-]{1,100}$/.test(id) ? id : undefined;

const ignore = (why: string): ParsedNotifications => ({ _tag: "Parsed", notifications: [], ignored: [why] });
const warn = (what: string): ParsedNotifications => ({
  _tag: "Parsed",
  notifications: [],
  ignored: [],
  warnings: [what],
});
const printable = (text: string): string => text.replace(/\p{C}/gu, "").slice(0, 40);
