/**
 * A registry in this process that takes the OCI distribution specification 1.1 at its word: what a tolerant registry lets
 * pass (chunks out of order, manifests before their blobs, an Accept without the type) is refused here. For tests of
 * clients, for the chaos runs and for the demo. Source: facts of OCI distribution-spec v1.1.1.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { makeAuthority } from "./auth.ts";
import type { RegistryChange } from "./change.ts";
import { type Faults, makeFaultPlan } from "./faults.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { type Listener, listen } from "./listener.ts";
import { makeNotifier, type NotificationCounters, type NotificationOptions } from "./notifier.ts";
import { makeReadLag } from "./read-lag.ts";
import { makeRequestLog, type RequestLog } from "./request-log.ts";
import { STRICT_RULES, type StrictRegistryRules } from "./rules.ts";
import { type Around, type Intercept, makeHandler, makeStorageHandler } from "./server.ts";
import type { RegistryState } from "./state.ts";
import { makeStore } from "./store.ts";
import { makeUploads } from "./uploads.ts";

/** How it begins. Everything is optional; rules that are not given are those of `STRICT_RULES`. */
export interface StrictRegistryOptions extends Partial<StrictRegistryRules> {
  /** Port on 127.0.0.1. Default 0: any free one. */
  readonly port?: number | undefined;
  /** Default: none are sent. */
  readonly notifications?: NotificationOptions | undefined;
  /** Answers what belongs to another interface on the same host. */
  readonly intercept?: Intercept | undefined;
  /** Stands around all answers, those of `intercept` included. */
  readonly around?: Around | undefined;
}

/** A running registry. */
export interface StrictRegistry extends Inspection {
  readonly url: URL;
  /** `127.0.0.1:port`, as it stands before a repository in a reference. */
  readonly host: string;
  readonly requests: RequestLog;
  readonly faults: Faults;
  readonly rules: () => StrictRegistryRules;
  /** Changes rules from the next request on. */
  readonly configure: (rules: Partial<StrictRegistryRules>) => void;
  /** Redirects, changes or (with `undefined`) stops the notifications. */
  readonly setNotifications: (options: NotificationOptions | undefined) => void;
  readonly notifications: () => NotificationCounters;
  /** Calls `listener` for every change that came over HTTP, until the returned function is called. */
  readonly onChange: (listener: (change: RegistryChange) => void) => () => void;
  /** Tokens given so far. */
  readonly tokensIssued: () => number;
  /** A new token for everything, in the mode `Token`: for tools that fill the registry beside the client under test. */
  readonly masterToken: () => string;
  /** Makes all tokens invalid that were given so far. */
  readonly revokeTokens: () => void;
  readonly openUploads: () => number;
  /** `false` stops listening and breaks all connections; `true` listens again on the same port. What is held stays. */
  readonly setOnline: (online: boolean) => Effect.Effect<void>;
  /** Waits until no request is in flight and no notification waits. */
  readonly drain: Effect.Effect<void>;
}

/** Starts a registry that lives as long as the scope, with the files of its bigger blobs. A port that is taken is a defect. */
export const startStrictRegistry = (
  options: StrictRegistryOptions = {},
): Effect.Effect<StrictRegistry, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => start(options)),
      ({ stop }) => Effect.promise(stop),
    ),
    ({ registry }) => registry,
  );

const start = async ({ port = 0, notifications, intercept, around, ...given }: StrictRegistryOptions) => {
  const directory = await mkdtemp(join(tmpdir(), "strict-registry-"));
  let rules: StrictRegistryRules = { ...STRICT_RULES, ...given };
  const store = makeStore();
  const uploads = makeUploads(directory);
  const faults = makeFaultPlan();
  const log = makeRequestLog();
  const authority = makeAuthority(() => rules.auth);
  const listeners = new Set<(change: RegistryChange) => void>();
  const hosts: { main?: Listener; storage?: Listener } = {};
  const notifier = makeNotifier(() => hosts.main?.origin ?? "http://127.0.0.1");
  notifier.configure(notifications);

  const state: RegistryState = {
    rules: () => rules,
    store,
    uploads,
    lag: makeReadLag(),
    storageUrl: () => hosts.storage?.origin ?? "",
    emit: (change) => {
      notifier.offer(change);
      for (const listener of listeners) listener(change);
    },
  };
  hosts.storage = await listen(makeStorageHandler({ state, log }), 0);
  hosts.main = await listen(makeHandler({ state, authority, faults, log, intercept, around }), port);
  const { main, storage } = hosts;
  const url = new URL(main.origin);

  const registry: StrictRegistry = {
    ...inspect(store),
    url,
    host: url.host,
    requests: log,
    faults,
    rules: () => rules,
    configure: (changes) => {
      rules = { ...rules, ...changes };
    },
    setNotifications: notifier.configure,
    notifications: notifier.counters,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tokensIssued: authority.issued,
    masterToken: authority.masterToken,
    revokeTokens: authority.revokeTokens,
    openUploads: uploads.count,
    setOnline: (online) =>
      Effect.promise(() => Promise.all(online ? [main.start(), storage.start()] : [main.stop(), storage.stop()])).pipe(
        Effect.asVoid,
      ),
    drain: Effect.promise(() => log.idle().then(notifier.idle)),
  };
  const stop = async (): Promise<void> => {
    await Promise.all([main.stop(), storage.stop(), notifier.close()]);
    await rm(directory, { recursive: true, force: true });
  };
  return { registry, stop };
};
