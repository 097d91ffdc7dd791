import type { WorkItem } from "@drayage/domain";
import type { Digest } from "@drayage/oci-core/model";
import type { DeletePermit, Outcome, Sibling } from "../bus.ts";

/** What a replicator says about an item that was handed out to it. All but `Take` need that it was. */
export type Say =
  /** May I have it? Yes for one worker only, however often the item was delivered. */
  | { readonly _tag: "Take"; readonly worker: string; readonly leaseMs: number }
  /** The heartbeat. */
  | { readonly _tag: "Extend"; readonly leaseMs: number }
  | { readonly _tag: "Intend"; readonly digest: Digest; readonly neededMs: number }
  | { readonly _tag: "Report"; readonly outcome: Outcome }
  | { readonly _tag: "Release"; readonly at: Date }
  | { readonly _tag: "Permit"; readonly tags: number; readonly neededMs: number }
  | { readonly _tag: "Siblings"; readonly digest: Digest };

export interface Question {
  /** The same for the same question asked again. */
  readonly id: string;
  /** The process that asks: answers are for it. */
  readonly from: string;
  readonly delivery: string;
  readonly generation: number;
  readonly say: Say;
}

export type Said =
  | { readonly _tag: "Done" }
  | { readonly _tag: "Leased"; readonly until: Date }
  | { readonly _tag: "Permit"; readonly permit: DeletePermit }
  | { readonly _tag: "Siblings"; readonly siblings: ReadonlyArray<Sibling> }
  /** The generation is not current, or somebody else has it, or the lease is too short for what was asked. Nothing was written. */
  | { readonly _tag: "Lost" };

export interface Answer {
  readonly id: string;
  readonly said: Said;
}

/** A work item on its way: what `WorkItem` holds, its policy included. */
export type Work = WorkItem;
