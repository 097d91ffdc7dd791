import { seededNumbers } from "./random.ts";

/** Which requests a fault strikes. All given fields must fit. */
export interface FaultMatch {
  readonly method?: string | undefined;
  /** Tested against path and query. */
  readonly path?: RegExp | undefined;
  /** Begins with the nth matching request, counted from 1. Default 1. */
  readonly nth?: number | undefined;
  /** Strikes so many times, then is spent. Default 1; `Infinity` for always. */
  readonly times?: number | undefined;
  /** Strikes each matching request from the nth on with this chance only; the same seed strikes the same requests. */
  readonly chance?: { readonly of: number; readonly seed: number } | undefined;
}

/** What goes wrong. */
export type FaultAction =
  /** An error answer instead of the real one. `retryAfter` is the header as it is sent: seconds or an HTTP date. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly retryAfter?: string | number | undefined;
      readonly code?: string | undefined;
      /** The body as it is; absent: a registry error with `code`. */
      readonly body?: string | undefined;
    }
  /** The connection is reset. `before`: nothing was done. `after`: everything was done, only the answer is lost. Default `before`. */
  | { readonly kind: "reset"; readonly when?: "before" | "after" | undefined }
  /** The connection ends after so many bytes of the answer's body. */
  | { readonly kind: "resetMidBody"; readonly afterBytes: number }
  /** The connection is reset after so many bytes of the request's body. */
  | { readonly kind: "resetUpload"; readonly afterBytes: number }
  /** The answer comes late, or its body slowly. */
  | { readonly kind: "slow"; readonly delayMs?: number | undefined; readonly bytesPerSecond?: number | undefined }
  /** The answer stops after so many bytes of its body (none: not even the headers come) and the connection stays open. */
  | { readonly kind: "stall"; readonly afterBytes?: number | undefined }
  /** One bit of the body is wrong. Default: of its middle byte. */
  | { readonly kind: "wrongBytes"; readonly at?: number | undefined }
  /** `Docker-Content-Digest` names something else. */
  | { readonly kind: "wrongDigestHeader" }
  /** `Docker-Content-Digest` is missing, as with old registries and some proxies. */
  | { readonly kind: "noDigestHeader" }
  /** 307 to another host. Default: to the storage host of this registry, which serves the blob and refuses credentials. */
  | { readonly kind: "redirect"; readonly to?: string | undefined }
  /** A list (tags, repositories, referrers) that ends too early and does not say so. Default: its first half. */
  | { readonly kind: "truncatedList"; readonly keep?: number | undefined }
  /** Every token given so far is invalid from this request on, as after the restart of a token server: the request itself gets 401. */
  | { readonly kind: "expireTokens" }
  /** A page of HTML with status 200, as a proxy or a login page sends. */
  | { readonly kind: "html200" };

export interface Fault {
  readonly match: FaultMatch;
  readonly action: FaultAction;
}

/** A fault that was added. */
export interface FaultHandle {
  readonly fault: Fault;
  /** Matching requests so far. */
  readonly seen: () => number;
  /** How often it struck. */
  readonly applied: () => number;
  readonly remove: () => void;
}

/** What goes wrong and when. Faults are asked in the order in which they were added; at most one strikes a request. */
export interface Faults {
  readonly add: (fault: Fault) => FaultHandle;
  readonly clear: () => void;
  readonly list: () => ReadonlyArray<FaultHandle>;
  /** How often any fault struck since the start. */
  readonly applied: () => number;
}

/** The side of the registry: the action for this request, if any. */
export interface FaultPlan extends Faults {
  readonly strike: (method: string, path: string) => FaultAction | undefined;
}

export const makeFaultPlan = (): FaultPlan => {
  let entries: ReadonlyArray<
    FaultHandle & { readonly offer: (method: string, path: string) => (() => void) | undefined }
  > = [];
  let total = 0;

  const add = (fault: Fault): FaultHandle => {
    const { method, path, nth = 1, times = 1, chance } = fault.match;
    const numbers = seededNumbers(chance?.seed ?? 0);
    let seen = 0;
    let applied = 0;
    const entry = {
      fault,
      seen: () => seen,
      applied: () => applied,
      remove: () => {
        entries = entries.filter((one) => one !== entry);
      },
      offer: (by: string, at: string) => {
        if ((method !== undefined && method !== by) || (path !== undefined && !path.test(at))) return undefined;
        seen += 1;
        // Drawn for every matching request, so that what other faults do does not shift the sequence.
        const due = chance === undefined || numbers() < chance.of;
        if (!due || seen < nth || applied >= times) return undefined;
        return () => {
          applied += 1;
          total += 1;
        };
      },
    };
    entries = [...entries, entry];
    return entry;
  };

  return {
    add,
    clear: () => {
      entries = [];
    },
    list: () => entries,
    applied: () => total,
    strike: (method, path) => {
      // All are offered the request, so that each counts what it matches; the first that is due strikes.
      const due = entries
        .map((entry) => ({ entry, apply: entry.offer(method, path) }))
        .find(({ apply }) => apply !== undefined);
      due?.apply?.();
      return due?.entry.fault.action;
    },
  };
};
