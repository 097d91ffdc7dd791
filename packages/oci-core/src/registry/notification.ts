import type { Digest, RepositoryName, Tag } from "../model/brand.ts";

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
