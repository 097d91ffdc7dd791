import type { IncomingMessage } from "node:http";
import type { NotificationReader } from "@drayage/oci-core";
import { isLocalRequest, readBody } from "@drayage/runtime";
import { addressOf } from "./address.ts";
import type { BodyBudget } from "./body-budget.ts";
import { type Intake, type Received, refused, take } from "./take.ts";

export interface Receiver extends Intake {
  /** How each registry is read, by its name. */
  readonly readers: ReadonlyMap<string, NotificationReader>;
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
  const name = address.registry;
  const reader = receiver.readers.get(name);
  if (reader === undefined) {
    return refused(
      undefined,
      "unknown-registry",
      "No registry of this name is configured (registries in drayage.yaml).",
    );
  }
  const headers = headersOf(request);
  const open = reader.proof === "nothing";
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
  const believed = (body: Uint8Array): boolean | Promise<boolean> =>
    open || reader.authenticate({ headers, body, addressSecret: address.secret });
  const badSecret = () =>
    refused(
      name,
      "bad-secret",
      `The secret or signature is not one of registries.${name}.notifications (${reader.scheme}).`,
    );
  // A secret in a header is checked before anybody may send us a body; a signature needs the body.
  const early = reader.proof === "by-headers";
  if (early && !(await believed(NO_BYTES))) return badSecret();

  const { bytesMax } = reader;
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
        if (!early && !(await believed(body.bytes))) return badSecret();
        return take(receiver, name, reader, { headers, body: body.bytes });
    }
  });
  return received ?? refused(name, "too-busy", "Too many bodies are being read; come again.");
};

const NO_BYTES = new Uint8Array();

const isPlain = (encoding: string | undefined): boolean =>
  encoding === undefined || encoding.trim().toLowerCase() === "identity";

const headersOf = ({ headers }: IncomingMessage): Readonly<Record<string, string | undefined>> => {
  const joined: Record<string, string | undefined> = {};
  for (const name in headers) {
    const value = headers[name];
    joined[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return joined;
};
