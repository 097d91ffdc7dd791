import type { SignatureRule } from "@drayage/oci-core/model";
import * as Data from "effect/Data";

export type { SignatureRule };

/** What an image was found to be. */
export type Verdict =
  | { readonly _tag: "Signed"; readonly by: string }
  /** `detail` says what there is and why it does not count. */
  | { readonly _tag: "Unsigned"; readonly detail: string };

/** What signatures are checked against cannot be had: a file that is not readable, a trust root that cannot be fetched. Nothing is known of the image. */
export class TrustError extends Data.TaggedError("TrustError")<{ readonly what: string; readonly cause: unknown }> {
  override get message(): string {
    return `${this.what}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`;
  }
}
