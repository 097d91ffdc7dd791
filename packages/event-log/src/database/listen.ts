import * as Clock from "effect/Clock";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import type * as Scope from "effect/Scope";
import pg from "pg";
import { CONNECT_TIMEOUT_MS, clientConfig, type DatabaseUrl } from "./connection.ts";
import { BrokenInvariant, type DatabaseError, toDatabaseError } from "./errors.ts";

/** What a listener hears. Both must be cheap and must not throw. */
export interface ListenHandler {
  readonly onPayload: (payload: string) => void;
  /** Called once after each (re)connection: what was sent before it is lost, so look for yourself. */
  readonly onConnect: () => void;
}

/** Listens as long as the scope lives, through any number of lost connections. A hint, never the only way to learn something. */
export type Listen = (channel: string, handler: ListenHandler) => Effect.Effect<void, never, Scope.Scope>;

const RECONNECT_MIN_MS = 100;
/** A server that is restarted is back within seconds; polling covers the wait. */
const RECONNECT_MAX_MS = 5_000;
/** Finds a connection that a firewall dropped without a word. Polling covers the time until then. */
const HEARTBEAT_MS = 15_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;
const END_MS = 1_000; // a goodbye that nobody answers

/** `pg_notify` keeps the letters as they are, `LISTEN` folds them: only names for which both are the same. */
const CHANNEL = /^[a-z][a-z0-9_]{0,62}$/;

interface Hub {
  readonly channels: Map<string, Set<ListenHandler>>;
  /** Sends a statement on the connection, while there is one. */
  send: ((text: string) => Promise<unknown>) | undefined;
}

/** One statement at a time: pg warns of a client that is given several at once. */
const oneByOne = (client: pg.Client): ((text: string) => Promise<unknown>) => {
  let last: Promise<unknown> = Promise.resolve();
  return (text) => {
    last = last.then(() => client.query(text));
    return last;
  };
};

const connected = (hub: Hub): void => {
  for (const handlers of hub.channels.values()) for (const handler of handlers) handler.onConnect();
};

const end = (client: pg.Client): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, END_MS);
  client.end().then(resolve, resolve);
  return promise.finally(() => clearTimeout(timer));
};

/** One connection, from connect to its end; rejects when it cannot be made, resolves when it is lost or `signal` aborts. */
const session = async (hub: Hub, config: pg.ClientConfig, signal: AbortSignal): Promise<void> => {
  const client = new pg.Client({ ...config, query_timeout: HEARTBEAT_TIMEOUT_MS });
  const lost = Promise.withResolvers<void>();
  client.on("error", () => lost.resolve());
  client.on("end", () => lost.resolve());
  signal.addEventListener("abort", () => lost.resolve(), { once: true });
  client.on("notification", ({ channel, payload }) => {
    for (const handler of hub.channels.get(channel) ?? []) handler.onPayload(payload ?? "");
  });
  const send = oneByOne(client);
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    await client.connect();
    heartbeat = setInterval(() => {
      send("select 1").catch(() => lost.resolve());
    }, HEARTBEAT_MS);
    hub.send = send; // from here on a new channel is listened to as it comes
    for (const channel of [...hub.channels.keys()]) await send(`listen ${channel}`);
    connected(hub);
    await lost.promise;
  } finally {
    hub.send = undefined;
    clearInterval(heartbeat);
    await end(client);
  }
};

/** One connection of its own for all channels of a process, made when the first one is asked for. */
export const makeListen = (url: DatabaseUrl, applicationName: string): Effect.Effect<Listen, never, Scope.Scope> =>
  Effect.gen(function* () {
    const hub: Hub = { channels: new Map(), send: undefined };
    const wanted = yield* Latch.make(false);
    const config = clientConfig(url, `${applicationName} listen`);

    const once = Effect.tryPromise({
      try: (signal) => session(hub, config, signal),
      catch: toDatabaseError("listen"),
    });
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        yield* wanted.await;
        let delay = RECONNECT_MIN_MS;
        for (;;) {
          const started = yield* Clock.currentTimeMillis;
          yield* Effect.catchTag(once, "DatabaseError", (error: DatabaseError) => Effect.logDebug(error.message));
          const lasted = (yield* Clock.currentTimeMillis) - started;
          // A connection that held is tried again at once; a server that is away is asked less and less often.
          delay = lasted > CONNECT_TIMEOUT_MS ? RECONNECT_MIN_MS : Math.min(delay * 2, RECONNECT_MAX_MS);
          yield* Effect.sleep(Duration.millis(delay));
        }
      }),
    );

    const add = (channel: string, handler: ListenHandler) =>
      Effect.promise(async () => {
        if (!CHANNEL.test(channel)) throw new BrokenInvariant(`"${channel}" is no channel name: ${CHANNEL}`);
        const handlers = hub.channels.get(channel);
        if (handlers !== undefined) {
          handlers.add(handler);
          handler.onConnect(); // whatever was sent before is not heard
          return;
        }
        hub.channels.set(channel, new Set([handler]));
        wanted.openUnsafe();
        // Without a connection, or when it breaks right here, the next session listens to this channel too.
        await hub.send?.(`listen ${channel}`).then(
          () => handler.onConnect(),
          () => {},
        );
      });
    // The channel itself stays listened to: names are few and fixed, and an unlisten would race with a new listener.
    const remove = (channel: string, handler: ListenHandler) =>
      Effect.sync(() => {
        hub.channels.get(channel)?.delete(handler);
      });
    return (channel, handler) =>
      Effect.asVoid(Effect.acquireRelease(add(channel, handler), () => remove(channel, handler)));
  });
