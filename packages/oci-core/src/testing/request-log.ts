/** One request as it was seen, in the order of arrival. */
export interface LoggedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** `ping`, `manifest`, `blob`, `start-upload`, `upload`, `tags`, `catalog`, `referrers`, `token`, `storage`, `unknown`. */
  readonly route: string;
  /** Absent while no answer went out, and for ever when a fault broke the connection. */
  readonly status: number | undefined;
  /** The scheme of the credentials that came along, never the credentials. */
  readonly authorization: string | undefined;
  /** Kind of the fault that was applied. */
  readonly fault: string | undefined;
}

/** Which requests are meant. All given fields must fit. */
export interface RequestFilter {
  readonly method?: string | undefined;
  readonly path?: RegExp | undefined;
  readonly route?: string | undefined;
  readonly status?: number | undefined;
}

/** The memory of the registry: for tests that count requests and for the demo that shows them. */
export interface RequestLog {
  /** The newest requests, oldest first; at most 50 000 are kept. */
  readonly list: (filter?: RequestFilter) => ReadonlyArray<LoggedRequest>;
  readonly count: (filter?: RequestFilter) => number;
  /** All since the start or the last reset, also those that are no longer kept. */
  readonly total: () => number;
  readonly inFlight: () => number;
  /** The most that were in flight at one time. */
  readonly inFlightMost: () => number;
  readonly bytesReceived: () => number;
  readonly bytesSent: () => number;
  /** Forgets the requests and starts all counters again. */
  readonly reset: () => void;
}

/** The writing side. */
export interface RequestRecorder extends RequestLog {
  readonly begin: (entry: Omit<LoggedRequest, "status" | "fault" | "route">) => OpenRequest;
  readonly received: (bytes: number) => void;
  readonly sent: (bytes: number) => void;
  /** Resolves when no request is in flight. */
  readonly idle: () => Promise<void>;
}

export interface OpenRequest {
  route: string;
  status: number | undefined;
  fault: string | undefined;
  readonly end: () => void;
}

/** A long demo must not grow without end; a test never makes so many. */
const KEPT_MOST = 50_000;

export const makeRequestLog = (): RequestRecorder => {
  let kept: Array<LoggedRequest> = [];
  let total = 0;
  let inFlight = 0;
  let inFlightMost = 0;
  let received = 0;
  let sent = 0;
  let waiters: Array<() => void> = [];
  const list = (filter: RequestFilter = {}): ReadonlyArray<LoggedRequest> => kept.filter((one) => fits(one, filter));
  return {
    list,
    count: (filter) => list(filter).length,
    total: () => total,
    inFlight: () => inFlight,
    inFlightMost: () => inFlightMost,
    bytesReceived: () => received,
    bytesSent: () => sent,
    reset: () => {
      kept = [];
      total = 0;
      inFlightMost = inFlight;
      received = 0;
      sent = 0;
    },
    begin: (entry) => {
      const open = { ...entry, route: "unknown", status: undefined, fault: undefined, end };
      let ended = false;
      function end(): void {
        if (ended) return;
        ended = true;
        inFlight -= 1;
        if (inFlight > 0) return;
        const woken = waiters;
        waiters = [];
        for (const wake of woken) wake();
      }
      total += 1;
      inFlight += 1;
      inFlightMost = Math.max(inFlightMost, inFlight);
      // Cut in halves: one copy for each 25 000 requests.
      if (kept.length >= KEPT_MOST) kept = kept.slice(KEPT_MOST / 2);
      kept.push(open);
      return open;
    },
    received: (bytes) => {
      received += bytes;
    },
    sent: (bytes) => {
      sent += bytes;
    },
    idle: () => (inFlight === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
  };
};

const fits = (one: LoggedRequest, { method, path, route, status }: RequestFilter): boolean =>
  (method === undefined || one.method === method) &&
  (path === undefined || path.test(one.path)) &&
  (route === undefined || one.route === route) &&
  (status === undefined || one.status === status);
