/** At most `most` requests within any `within` milliseconds. */
export interface RequestLimit {
  readonly most: number;
  readonly within: number;
}

/** What of a limit is used up. Times are milliseconds of one clock. */
export interface RequestBudget {
  /** A request was sent, whoever wanted it. More than the limit are counted as well, and waited for. */
  readonly spend: (now: number) => void;
  /** Milliseconds until the next request may go; 0 for now. */
  readonly waitMs: (now: number) => number;
}

/** Exact over every window, and not by the clock's hours: a registry counts in its own. */
export const makeRequestBudget = ({ most, within }: RequestLimit): RequestBudget => {
  let sent: Array<number> = [];
  return {
    spend: (now) => {
      sent = sent.filter((at) => at > now - within);
      sent.push(now);
    },
    waitMs: (now) => {
      const recent = sent.filter((at) => at > now - within);
      const oldest = recent.at(-most);
      return oldest === undefined ? 0 : oldest + within - now;
    },
  };
};
