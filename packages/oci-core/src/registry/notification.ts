import type * as Effect from "effect/Effect";
import type * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import type { Digest, RepositoryName, Tag } from "../model/brand.ts";
import type { RegistryError } from "./errors.ts";

/** What a registry told us: a hint, never trusted as state. Names are validated, hosts and URLs of the payload are dropped. */
export type Notification =
  | {
      readonly _tag: "Pushed";
      readonly repository: RepositoryName;
      readonly tag?: Tag | undefined;
      readonly digest?: Digest | undefined;
      readonly mediaType?: string | undefined;
      /** `os/architecture`, where the sender tells. */
      readonly platforms?: ReadonlyArray<string> | undefined;
      readonly delivery?: Delivered | undefined;
    }
  | {
      readonly _tag: "Deleted";
      readonly repository: RepositoryName;
      /** Absent: a deletion by digest, which cannot be named as one tag. */
      readonly tag?: Tag | undefined;
      readonly digest?: Digest | undefined;
      readonly delivery?: Delivered | undefined;
    }
  | {
      readonly _tag: "Promoted";
      readonly from: { readonly repository: RepositoryName; readonly tag?: Tag | undefined };
      /** A `repository` alone may be the key of another repository with the same image below it: the adapter resolves that. */
      readonly to?: { readonly repository: RepositoryName; readonly tag?: Tag | undefined } | undefined;
      readonly move?: boolean | undefined;
      readonly delivery?: Delivered | undefined;
    }
  | {
      /** Something of this repository, and nobody can say which tags: it is looked through. */
      readonly _tag: "Changed";
      readonly repository: RepositoryName;
      /** What was seen, for people: `a push without a tag`. */
      readonly reason: string;
      readonly delivery?: Delivered | undefined;
    };

/** What is known of the sending itself. */
export interface Delivered {
  /** The sender's own id of this delivery, stable over its retries: the only thing we deduplicate by. */
  readonly id?: string | undefined;
  readonly time?: Date | undefined;
  /** User or robot that caused it, as the registry says. */
  readonly actor?: string | undefined;
}

/** An HTTP delivery as it came: header names in lower case, body untouched (signatures are over raw bytes). */
export interface NotificationRequest {
  /** `?secret=` of the address, for senders that can send no header. A proof and nothing else: never kept, never logged. */
  readonly addressSecret?: string | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

export type ParsedNotifications =
  /** `ignored` says, a line for each, what was understood and is of no interest (pulls, blobs, test deliveries). */
  | {
      readonly _tag: "Parsed";
      readonly notifications: ReadonlyArray<Notification>;
      readonly ignored: ReadonlyArray<string>;
      /**
       * What could not be read, or is not as the sender's documentation says, a line for each; the rest of the body was read all the same.
       * Logged and counted by the receiver, which then also asks for a reconciliation.
       */
      readonly warnings?: ReadonlyArray<string> | undefined;
    }
  /** Can never be parsed: the place (`events[0].target.repository`) and the mend. */
  | { readonly _tag: "Unparseable"; readonly reason: string };

/** How a sender of notifications proves who it is by a secret that both sides know. */
export interface NotificationSecrets {
  readonly scheme: "shared-secret" | "hmac-sha256";
  /** Any of them is accepted, for rotation. Empty: nothing is configured, and only loopback is heard. */
  readonly secrets: ReadonlyArray<Redacted.Redacted<string>>;
}

/** Reads what one registry posts to `POST /notifications/{registry}`. */
export interface NotificationReader {
  /** Most bytes that a notification of this sender has; a larger body is refused. */
  readonly bytesMax: number;
  /**
   * What a request must prove. `nothing`: no secret is configured, and only this machine is heard. `by-headers`: the headers tell, so it is
   * asked with an empty body before anybody may send us one. `by-body`: a signature over the raw bytes.
   */
  readonly proof: "nothing" | "by-headers" | "by-body";
  /** The word of the configuration for how a sender proves itself, for messages. */
  readonly scheme: string;
  /** Whether the request proves it. Constant time in the secret. Never asked where `proof` is `nothing`. */
  readonly authenticate: (request: NotificationRequest) => boolean | Promise<boolean>;
  /**
   * Turns a request body into neutral notifications. Pure; never trusts a host, URL or credential in the body. For senders that would come
   * again for ever, or switch themselves off, what cannot be read is a warning and not `Unparseable` (DESIGN.md 4.3).
   */
  readonly parse: (request: NotificationRequest) => ParsedNotifications;
}

/** What `NotificationSecrets` ask of a request: signatures need the body, secrets in a header do not. */
export const proofOf = ({ scheme, secrets }: NotificationSecrets): NotificationReader["proof"] =>
  secrets.length === 0 ? "nothing" : scheme === "hmac-sha256" ? "by-body" : "by-headers";

/** Something that listens to a registry by outbound requests alone. */
export interface NotificationListener {
  /** What is listened to, for logs and metrics: `subscription projects/acme/subscriptions/drayage`, `poll`. */
  readonly name: string;
  /** Whether two processes must not do it at the same time: polling twice doubles the requests, a shared subscription spreads its messages. */
  readonly exclusive: boolean;
  /** Runs until it is interrupted. Fails when it cannot go on; it is then begun anew after a while. */
  readonly run: (deliver: Deliver) => Effect.Effect<never, RegistryError, Scope.Scope>;
}

/** Takes what a listener got, and answers when it is durable. The listener acknowledges, or not, by the receipt. Never fails. */
export type Deliver = (incoming: Incoming) => Effect.Effect<Receipt>;

/** A message as it came, which is parsed and kept as it is; or notifications that the listener made of what it saw. */
export type Incoming =
  | { readonly _tag: "Received"; readonly request: NotificationRequest }
  | { readonly _tag: "Observed"; readonly notifications: ReadonlyArray<Notification> };

/**
 * `stored`: durable. `irrelevant`: understood, nothing to store. `unparseable`: kept as it is and counted; coming again would not help.
 * `unavailable`: not stored, must come again.
 */
export type Receipt = "stored" | "irrelevant" | "unparseable" | "unavailable";
