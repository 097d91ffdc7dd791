/** Invariant 11: what is not known is not said to be well. */

/** `level`: known to hold what is wanted. `behind`: known not to. `unknown`: nobody can say. */
export type TargetLevel = "level" | "behind" | "unknown";

export interface TargetFacts {
  /** Deliveries that are pending or leased. */
  readonly backlog: number;
  readonly parked: number;
  /** Events of the log that this target's dispatcher has not yet acted on. */
  readonly undispatched: number;
  /** The newest finished reconciliation that covers the whole target; undefined: there was none. */
  readonly reconciliation?: { readonly at: Date; readonly complete: boolean } | undefined;
  /** Whether deliveries are stopped by a person. */
  readonly paused: boolean;
  /** Sources of this target that could not be read, or refused us, when they were last asked. */
  readonly silentSources: ReadonlyArray<string>;
  readonly now: Date;
  /** How old the last complete reconciliation may be, milliseconds. Default `RECONCILIATION_AGE_MS_MAX`. */
  readonly reconciliationAgeMsMax?: number | undefined;
}

/** A full reconciliation runs every night (`reconcile.full`): one that was missed is a warning sign, so the limit is a day and a half. */
export const RECONCILIATION_AGE_MS_MAX = 36 * 60 * 60 * 1000;

/** The state of a target and every reason for it, one line each; no reasons when it is level. */
export const targetState = (
  facts: TargetFacts,
): { readonly state: TargetLevel; readonly reasons: ReadonlyArray<string> } => {
  const behind = [...whyBehind(facts)];
  const unknown = [...whyUnknown(facts)];
  const state = behind.length > 0 ? "behind" : unknown.length > 0 ? "unknown" : "level";
  return { state, reasons: [...behind, ...unknown] };
};

function* whyBehind(facts: TargetFacts): Generator<string> {
  if (facts.backlog > 0) yield `${facts.backlog} deliveries pending${facts.paused ? " (paused)" : ""}`;
  if (facts.undispatched > 0) yield `${facts.undispatched} events not yet dispatched`;
  if (facts.parked > 0) yield `${facts.parked} deliveries parked`;
}

/** Drift of the last run was turned into deliveries: once they are done, their backlog is gone. Until it is dispatched it counts as undispatched. */
function* whyUnknown(facts: TargetFacts): Generator<string> {
  for (const source of facts.silentSources) yield `source ${source} cannot be read`;
  const { reconciliation, now } = facts;
  if (reconciliation === undefined) {
    yield "never reconciled in full";
    return;
  }
  if (!reconciliation.complete) yield "the last reconciliation could not list everything";
  const age = now.getTime() - reconciliation.at.getTime();
  const most = facts.reconciliationAgeMsMax ?? RECONCILIATION_AGE_MS_MAX;
  if (age > most) yield `the last full reconciliation is ${hours(age)} h old, more than ${hours(most)} h`;
}
const hours = (ms: number): number => Math.round(ms / 360_000) / 10;
