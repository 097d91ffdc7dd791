import type { DeliveryRequest, DeliveryState, Failure, SourceTag } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";

/** A row of table `delivery` (`migrations.ts` says what each column promises), as an immutable value. Times are milliseconds. */
export interface Row {
  readonly id: string;
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  readonly requested: number;
  readonly done: number;
  readonly claimed: number;
  readonly depth: number;
  readonly claimedDepth: number;
  readonly priority: number;
  readonly generation: number;
  readonly attempts: number;
  readonly lost: number;
  readonly state: DeliveryState;
  readonly dueAt: number;
  readonly requestedAt: number;
  readonly sinceClaimAt: number | undefined;
  readonly sinceClaimNews: boolean;
  readonly leaseUntil: number;
  readonly held: Digest | undefined;
  readonly intended: ReadonlyArray<Digest>;
  readonly manifests: ReadonlyArray<Digest>;
  readonly gate: { readonly subject: Digest; readonly since: number } | undefined;
  readonly absentSince: Date | undefined;
  readonly lastError: Failure | undefined;
  readonly rival: SourceTag | undefined;
}

export const newRow = (id: string, request: DeliveryRequest, depth: number, now: number): Row => ({
  id,
  target: request.target,
  repository: request.repository,
  tag: request.tag,
  source: request.source,
  route: request.route,
  requested: request.position,
  done: 0,
  claimed: 0,
  depth,
  claimedDepth: 0,
  priority: request.priority,
  generation: 0,
  attempts: 0,
  lost: 0,
  state: "pending",
  dueAt: now,
  requestedAt: request.requestedAt.getTime(),
  sinceClaimAt: undefined,
  sinceClaimNews: false,
  leaseUntil: 0,
  held: undefined,
  intended: [],
  manifests: [],
  gate: undefined,
  absentSince: undefined,
  lastError: undefined,
  rival: undefined,
});
