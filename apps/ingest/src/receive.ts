import type { IncomingMessage } from "node:http";
import type { Config, RegistryConfig } from "@drayage/config";
import type { Appended, NewEvent, RawNotification } from "@drayage/event-log";
import type { Adapter, NotificationRequest } from "@drayage/oci-core";
import { isLocalRequest, readBody } from "@drayage/runtime";
import { addressOf } from "./address.ts";
import type { BodyBudget } from "./body-budget.ts";
import { eventsOf, traceparentOf } from "./events.ts";
import type { RefusalReason } from "./refusal.ts";

/** What came of a request. */
export type Received =
  | {
      readonly _tag: "Accepted";
      readonly registry: string;
      readonly events: ReadonlyArray<NewEvent>;
      readonly appended: ReadonlyArray<Appended>;
      readonly warnings: ReadonlyArray<string>;
    }
  /** Understood, and nothing to append. `unparseable`: the body is a notification, but nothing in it could be read. */
  | {
      readonly _tag: "Ignored";
      readonly registry: string;
      readonly reason: string;
      readonly unparseable: boolean;
      readonly warnings: ReadonlyArray<string>;
    }
  /** `registry` is undefined for a name that is not configured: a sender must not choose labels of ours. */
  | {
      readonly _tag: "Refused";
      readonly registry: string | undefined;
      readonly reason: RefusalReason;
      readonly detail: string;
    }
  /** The sender hung up before the body had come. */
  | { readonly _tag: "Gone" };

export type AppendResult =
  | { readonly _tag: "Appended"; readonly appended: ReadonlyArray<Appended> }
  | { readonly _tag: "Unavailable" }
  | { readonly _tag: "Invalid"; readonly detail: string };

export interface Receiver {
  readonly registries: Config["registries"];
  readonly adapterOf: (type: RegistryConfig["type"]) => Adapter;
  /** Resolves after the events are durable. Never rejects for what may happen in operation. */
  readonly append: (events: ReadonlyArray<NewEvent>, raw: RawNotification) => Promise<AppendResult>;
  readonly newId: () => string;
  readonly now: () => number;
  readonly budget: BodyBudget;
  /** For a whole body; undefined for the default of `readBody`. */
  readonly bodyTimeoutMs: number | undefined;
}

/** JSON under any name: `application/json`, and the vendor types of distribution and CloudEvents, with or without a charset. */
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * Takes one request in: who sends, is it believed, what does it say, and is it stored. Every check that needs no body comes before the body
 * is read. Answers nothing: the caller does.
 */
export const receive = async (receiver: Receiver, request: IncomingMessage): Promise<Received> => {
  const address = addressOf(request.url);
  if (address._tag === "NoSuchPath")
    return refused(undefined, "no-such-path", "Notifications go to POST /notifications/{registry}.");
  if (request.method !== "POST") return refused(undefined, "method", "Notifications are sent with POST.");
  const settings = Object.hasOwn(receiver.registries, address.registry)
    ? receiver.registries[address.registry]
    : undefined;
  if (settings === undefined) {
    return refused(
      undefined,
      "unknown-registry",
      "No registry of this name is configured (registries in drayage.yaml).",
    );
  }
  const { name, notifications } = settings;
  const adapter = receiver.adapterOf(settings.type);
  const headers = headersOf(request);
  const open = notifications.secrets.length === 0;
  if (open && !isLocalRequest(request)) {
    return refused(
      name,
      "not-local",
      `Without a secret (registries.${name}.notifications.secret) only senders on this machine are heard.`,
    );
  }
  if (!JSON_TYPE.test(headers["content-type"] ?? "") || !isPlain(headers["content-encoding"])) {
    return refused(name, "content-type", "Send the body as application/json, not compressed.");
  }
  // A secret in a header is checked before anybody may send us a body; a signature needs the body.
  const believed = (body: Uint8Array): boolean => open || adapter.authenticate({ headers, body }, notifications);
  const badSecret = () =>
    refused(
      name,
      "bad-secret",
      `The secret or signature is not one of registries.${name}.notifications (${notifications.scheme}).`,
    );
  if (notifications.scheme === "shared-secret" && !believed(NO_BYTES)) return badSecret();

  const bytesMax = adapter.notificationBytesMax;
  const expected = Math.min(Number(headers["content-length"] ?? bytesMax), bytesMax);
  const received = await receiver.budget.within(Number.isNaN(expected) ? bytesMax : expected, async () => {
    const body = await readBody(request, { bytesMax, timeoutMs: receiver.bodyTimeoutMs });
    switch (body._tag) {
      case "Aborted":
        return { _tag: "Gone" } as const;
      case "TooSlow":
        return refused(name, "too-slow", `The body did not come within ${body.timeoutMs} ms.`);
      case "TooLarge":
        return refused(name, "too-large", `A notification of this registry has at most ${body.limit} bytes.`);
      case "Body":
        return believed(body.bytes) ? take(receiver, settings, adapter, { headers, body: body.bytes }) : badSecret();
    }
  });
  return received ?? refused(name, "too-busy", "Too many bodies are being read; come again.");
};

/** What is believed is read and stored. */
const take = async (
  receiver: Receiver,
  settings: RegistryConfig,
  adapter: Adapter,
  request: NotificationRequest,
): Promise<Received> => {
  const registry = settings.name;
  const parsed = adapter.parse(request);
  if (parsed._tag === "Unparseable") return refused(registry, "unparseable", parsed.reason);
  const warnings = parsed.warnings ?? [];
  const { notifications, ignored } = parsed;
  if (notifications.length === 0 && warnings.length === 0) {
    const reason = [...new Set(ignored)].slice(0, REASONS_MAX).join("; ");
    return { _tag: "Ignored", registry, reason: reason === "" ? "no events" : reason, unparseable: false, warnings };
  }
  const id = receiver.newId();
  const raw: RawNotification = {
    id,
    registry,
    receivedAt: new Date(receiver.now()),
    headers: request.headers,
    body: request.body,
  };
  const traceparent = traceparentOf(request.headers["traceparent"]);
  // The id of the raw notification is the correlation id of all that came of it.
  const events = eventsOf(notifications, { registry, correlationId: id, traceparent });
  const result = await receiver.append(events, raw);
  if (result._tag === "Unavailable")
    return refused(registry, "log-unavailable", "The notification was not stored; send it again.");
  if (result._tag === "Invalid") return refused(registry, "unparseable", result.detail);
  // An answer of 400 would make distribution send the same body for ever, with all later ones behind it.
  if (events.length === 0) return { _tag: "Ignored", registry, reason: "unparseable", unparseable: true, warnings };
  return { _tag: "Accepted", registry, events, appended: result.appended, warnings };
};

/** Reasons told to the sender; more say nothing new. */
const REASONS_MAX = 5;
const NO_BYTES = new Uint8Array();

const refused = (registry: string | undefined, reason: RefusalReason, detail: string): Received => ({
  _tag: "Refused",
  registry,
  reason,
  detail,
});

const isPlain = (encoding: string | undefined): boolean =>
  encoding === undefined || encoding.trim().toLowerCase() === "identity";

const headersOf = ({ headers }: IncomingMessage): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
