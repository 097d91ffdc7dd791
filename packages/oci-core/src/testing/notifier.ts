import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { request } from "undici";
import type { RegistryChange } from "./change.ts";

/** Where notifications go, and which. */
export interface NotificationOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Blob pushes and mounts too, as a real registry sends unless told to ignore them. Default false. */
  readonly blobs?: boolean | undefined;
  /** Manifest GET and HEAD too. Default false. */
  readonly pulls?: boolean | undefined;
  /** `target.references`. Default false. */
  readonly includeReferences?: boolean | undefined;
  /** Another format than that of CNCF distribution: what to post, or `undefined` for a change that its sender does not tell. */
  readonly format?: ((change: QueuedChange) => NotificationMessage | undefined) | undefined;
  /** Tries after which an event is given up, as most vendors do. Default: never. */
  readonly attemptsMax?: number | undefined;
}

/** A change with what is made once and stays the same over all tries. */
export interface QueuedChange extends RegistryChange {
  readonly id: string;
  readonly timestamp: string;
}

export interface NotificationMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface NotificationCounters {
  /** Waiting, the one that is being tried included. */
  readonly pending: number;
  readonly sent: number;
  /** Tries that were not answered with 200 to 399. */
  readonly failures: number;
  /** Events given up after `attemptsMax`. */
  readonly dropped: number;
}

/**
 * Sends the envelope of CNCF distribution as docker-registry 2.8 does: one event a POST, strictly in order, retried without
 * end, kept in memory only. Source: facts/event-sources.md sections 1 and 2.
 */
export interface Notifier {
  readonly offer: (change: RegistryChange) => void;
  /** Changes where events go; what waits goes there too. `undefined` switches off and forgets what waits. */
  readonly configure: (options: NotificationOptions | undefined) => void;
  readonly counters: () => NotificationCounters;
  /** Resolves when nothing waits. */
  readonly idle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Short, so that tests wait little; the real defaults are ten tries at once and then one a second. */
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 1000;
/** The default of a real registry is 1 s; twice that keeps a busy test machine from sending everything again. */
const ANSWER_TIMEOUT_MS = 2000;

export const makeNotifier = (address: () => string): Notifier => {
  const instanceID = randomUUID();
  const queue: Array<QueuedChange> = [];
  let options: NotificationOptions | undefined;
  const waiters: Array<() => void> = [];
  let sent = 0;
  let failures = 0;
  let dropped = 0;
  let closed = false;
  /** Interrupts a try and the pause after it. */
  let interrupt = new AbortController();
  let active = false;
  let running: Promise<void> | undefined;

  const post = async (to: NotificationOptions, message: NotificationMessage): Promise<boolean> => {
    try {
      const answer = await request(to.url, {
        method: "POST",
        headers: { ...message.headers, ...to.headers },
        body: message.body,
        signal: AbortSignal.any([interrupt.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      await answer.body.dump();
      return answer.statusCode >= 200 && answer.statusCode < 400;
    } catch {
      // Whatever went wrong, the event is tried again; `failures` counts it.
      return false;
    }
  };

  const release = (): void => {
    for (const waiter of waiters.splice(0)) waiter();
  };

  const run = async (): Promise<void> => {
    let backoffMs = BACKOFF_FIRST_MS;
    let attempts = 0;
    while (!closed) {
      const head = queue[0];
      if (head === undefined || options === undefined) break;
      const to = options;
      const message = (to.format ?? distributionFormat({ addr: address(), instanceID }, to))(head);
      const done = message === undefined || (await post(to, message));
      attempts += 1;
      if (!done) {
        failures += 1;
        if (attempts < (to.attemptsMax ?? Number.POSITIVE_INFINITY)) {
          await pause(backoffMs, interrupt.signal);
          backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
          continue;
        }
        dropped += 1;
      } else if (message !== undefined) {
        sent += 1;
      }
      // The queue may have been forgotten while this one was under way.
      if (queue[0] === head) queue.shift();
      backoffMs = BACKOFF_FIRST_MS;
      attempts = 0;
    }
    active = false;
    if (queue.length === 0) release();
  };

  const wake = (): void => {
    if (active || closed || queue.length === 0 || options === undefined) return;
    active = true;
    running = run();
  };

  return {
    offer: (change) => {
      if (options === undefined || !wanted(change, options)) return;
      queue.push({ ...change, id: randomUUID(), timestamp: timestamp() });
      wake();
    },
    configure: (next) => {
      options = next;
      if (next === undefined) queue.length = 0;
      interrupt.abort();
      interrupt = new AbortController();
      wake();
    },
    counters: () => ({ pending: queue.length, sent, failures, dropped }),
    idle: () => (queue.length === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
    close: async () => {
      closed = true;
      interrupt.abort();
      await running;
      release();
    },
  };
};

const wanted = (change: RegistryChange, options: NotificationOptions): boolean =>
  (change.action !== "pull" || options.pulls === true) && (change.what !== "blob" || options.blobs === true);

/** RFC 3339 with more digits than milliseconds, as Go writes it: parsers that cannot take them show themselves. */
const timestamp = (): string => {
  const nanoseconds = String(process.hrtime.bigint() % 1_000_000n).padStart(6, "0");
  return new Date().toISOString().replace("Z", `${nanoseconds}Z`);
};

/** The envelope of docker-registry 2.8, indented as it indents it. */
const distributionFormat =
  (source: NotificationSource, options: NotificationOptions) =>
  (change: QueuedChange): NotificationMessage => ({
    headers: {
      "User-Agent": "Go-http-client/1.1",
      "Content-Type": "application/vnd.docker.distribution.events.v1+json",
    },
    body: JSON.stringify({ events: [toEvent(change, source, options)] }, null, 3),
  });

interface NotificationSource {
  readonly addr: string;
  readonly instanceID: string;
}

const toEvent = (change: QueuedChange, source: NotificationSource, options: NotificationOptions) => {
  const { by, action, repository, tag, digest } = change;
  const kind = change.what === "blob" ? "blobs" : "manifests";
  const content = action === "delete" ? {} : { size: change.size, length: change.size };
  return {
    id: change.id,
    timestamp: change.timestamp,
    action,
    target: {
      ...(action === "delete" ? {} : { mediaType: change.mediaType ?? "application/octet-stream" }),
      ...content,
      digest,
      repository,
      fromRepository: change.fromRepository,
      url: action === "delete" ? undefined : new URL(`/v2/${repository}/${kind}/${digest}`, by.url).href,
      tag,
      references: options.includeReferences === true ? change.references : undefined,
    },
    request: {
      id: by.id,
      addr: by.remote,
      host: by.headers.host,
      method: by.method,
      useragent: by.headers["user-agent"] ?? "",
    },
    actor: by.user === undefined ? {} : { name: by.user },
    source: { addr: `${hostname()}:${new URL(source.addr).port}`, instanceID: source.instanceID },
  };
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
