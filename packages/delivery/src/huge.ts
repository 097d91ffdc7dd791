import type { OutcomeEvent, WorkItem } from "@drayage/domain";
import { type QueryExecutorProvider, type RawBuilder, sql } from "kysely";
import type { Outcome } from "./bus.ts";
import { HUGE_BYTES_MIN } from "./limits.ts";

/**
 * Small goes before huge. What an image weighs is known only when it is copied, so the last copy of its repository at the target stands for the next: tags
 * of one repository weigh the same, as a rule. A huge one has a priority one lower, which is behind everything of its own kind and before
 * all that is of a lower kind; `PATIENT_SHARE` sees to it that it has its turn.
 */
export const HUGE_PRIORITY_LESS = 1;

/** Undefined: nothing was copied, so nothing was learnt. */
export const isHuge = (event: OutcomeEvent): boolean | undefined => {
  if (event._tag !== "ReplicationSucceeded" || event.action !== "copied") return undefined;
  const { copied, mounted, present } = event.bytes;
  return copied + mounted + present >= HUGE_BYTES_MIN;
};

/** Learns from an outcome, inside the transaction of its report. */
export const learnWeight = async (trx: QueryExecutorProvider, item: WorkItem, outcome: Outcome): Promise<void> => {
  const huge = outcome._tag === "Succeeded" ? isHuge(outcome.event) : undefined;
  if (huge === undefined) return;
  const { target, repository } = item;
  await (huge
    ? sql`insert into huge_repository (target, repository) values (${target}, ${repository}) on conflict do nothing`
    : sql`delete from huge_repository where target = ${target} and repository = ${repository}`
  ).execute(trx);
};

/** What to take from the priority of a request for this target repository. */
export const lessForHuge = (target: RawBuilder<unknown>, repository: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
  case when exists (select 1 from huge_repository h where h.target = ${target} and h.repository = ${repository})
    then ${sql.lit(HUGE_PRIORITY_LESS)} else 0 end)::smallint`;
