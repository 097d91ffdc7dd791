/**
 * The embedded server: PostgreSQL's own binaries from npm on a directory of ours, reached over a Unix socket.
 * DESIGN.md section 9: only the holder of the owner lock starts, watches and stops the server; others are guests.
 */
import { mkdir, realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import type * as Scope from "effect/Scope";
import { findBinaries } from "./binaries.ts";
import { ensureCluster, layoutOf } from "./cluster.ts";
import {
  AlreadyOwned,
  causeLine,
  EmbeddedError,
  type EmbeddedFailure,
  type EmbeddedStep,
  NotRunning,
} from "./errors.ts";
import { FOREIGN_STALE_MS, tryOwnerLock } from "./owner-lock.ts";
import { findPostmaster, type ServerProcess } from "./postmaster.ts";
import { ensureRunning, onConnection, problemOfServer, type ServerPlace, stopServer, urlOf } from "./server.ts";
import { SERVER_USERS, serverUser } from "./server-user.ts";
import { checkSocketDirectory, removeSocketDirectory, socketDirectoryOf } from "./socket-directory.ts";
import { keepLock, type Owned, supervise } from "./supervise.ts";

export interface EmbeddedOptions {
  readonly dataDir: string;
  /** `owner`: start and stop it. `guest`: connect to what runs, else `NotRunning`. */
  readonly role: "owner" | "guest";
  /** As root the server runs as the first of these that exists. Default `postgres`, `nobody`. */
  readonly users?: ReadonlyArray<string> | undefined;
  /** Where binaries are copied to when the server's user cannot read them. Default: the temporary directories. */
  readonly cacheParents?: ReadonlyArray<string> | undefined;
}

export interface Embedded {
  readonly url: Redacted.Redacted<string>;
  /** The server was left running by an owner that was killed, or we are a guest. */
  readonly adopted: boolean;
}

const DATABASE = "drayage";
const FOREIGN_LOOK_MS = 1_000;

const at = <A>(
  step: EmbeddedStep,
  what: string,
  f: (signal: AbortSignal) => Promise<A>,
): Effect.Effect<A, EmbeddedError> =>
  Effect.tryPromise({
    try: f,
    catch: (cause) =>
      cause instanceof EmbeddedError
        ? cause
        : new EmbeddedError({ step, detail: `${what}: ${causeLine(cause)}`, cause }),
  });

export const openEmbedded = (options: EmbeddedOptions): Effect.Effect<Embedded, EmbeddedFailure, Scope.Scope> =>
  options.role === "guest" ? visit(options) : own(options);

/** Starts, watches and stops. */
const own = Effect.fnUntraced(function* (options: EmbeddedOptions) {
  const dataDir = yield* at("directory", `cannot make ${options.dataDir}`, async () => {
    await mkdir(layoutOf(resolve(options.dataDir)).home, { recursive: true, mode: 0o700 });
    return realpath(options.dataDir); // one directory has one lock and one socket, by whatever name it is reached
  });
  const { home, cluster, log } = layoutOf(dataDir);
  const lock = yield* Effect.acquireRelease(ownerLock(home, dataDir), (held) =>
    // Not released means that our death releases it, a little later.
    Effect.ignore(Effect.tryPromise(() => held.release())),
  );
  const owned: Owned = { server: undefined, socketDirectory: "", held: true };
  yield* Effect.forkScoped(keepLock(owned, lock));
  // Not to be interrupted: an initdb that nobody waits for any more would meet the one of the next owner.
  const place = yield* Effect.uninterruptible(
    at("start", `cannot prepare ${cluster}`, async (): Promise<ServerPlace> => {
      const user = await serverUser(cluster, options.users ?? SERVER_USERS);
      const socketDirectory = socketDirectoryOf(dataDir, user?.uid ?? process.geteuid?.() ?? 0);
      await ensureCluster(cluster, await findBinaries(user, options.cacheParents), user);
      return { cluster, log, user, socketDirectory, cacheParents: options.cacheParents };
    }),
  );

  owned.socketDirectory = place.socketDirectory;
  const start = at("start", "cannot start the server", async (signal) => {
    const onServer = (server: ServerProcess): void => {
      owned.server = server;
    };
    const running = await ensureRunning({ ...place, socketDirectory: owned.socketDirectory }, onServer, signal);
    // Of the server that we took over, should that be elsewhere (another TMPDIR): our callers have its URL by then.
    owned.socketDirectory = running.socketDirectory;
    return running;
  });
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      const { server, held, socketDirectory } = owned;
      return held && server !== undefined
        ? Effect.catch(
            at("start", "cannot stop the server", async () => {
              await stopServer(server);
              await removeSocketDirectory(socketDirectory);
            }),
            (error) => Effect.logError(error.message),
          )
        : Effect.void;
    }),
  );
  const { adopted } = yield* start;
  yield* at("start", "cannot make the database", () => ensureDatabase(owned.socketDirectory));
  yield* Effect.forkScoped(supervise(owned, Effect.asVoid(start)));
  return { url: Redacted.make(urlOf(owned.socketDirectory, DATABASE)), adopted };
});

/** Waits only for an owner in another container or machine that may be dead: nothing but time can tell. */
const ownerLock = Effect.fnUntraced(function* (home: string, dataDir: string) {
  const found = yield* at("lock", `cannot lock ${home}`, async (signal) => {
    const deadline = Date.now() + FOREIGN_STALE_MS + FOREIGN_LOOK_MS;
    for (;;) {
      const tried = await tryOwnerLock(home);
      if (!("pid" in tried) || !tried.foreign || Date.now() > deadline) return tried;
      await sleep(FOREIGN_LOOK_MS, undefined, { signal });
    }
  });
  return "pid" in found ? yield* new AlreadyOwned({ dataDir, pid: found.pid }) : found;
});

const ensureDatabase = async (socketDirectory: string): Promise<void> => {
  await onConnection(socketDirectory, "postgres", async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  });
};

/** A guest starts nothing, stops nothing and changes no file. */
const visit = Effect.fnUntraced(function* (options: EmbeddedOptions) {
  const notRunning = (detail: string): NotRunning => new NotRunning({ dataDir: options.dataDir, detail });
  const found = yield* at("directory", `cannot look into ${options.dataDir}`, async () => {
    const dataDir = await realpath(options.dataDir).catch(() => undefined);
    if (dataDir === undefined) return notRunning("the directory does not exist");
    const { cluster } = layoutOf(dataDir);
    const server = await findPostmaster(cluster);
    if (server === undefined || server.socketDirectory === "") return notRunning("no server process");
    const wrong = await checkSocketDirectory(server.socketDirectory, (await stat(cluster)).uid);
    if (wrong !== undefined) throw wrong;
    const problem = await problemOfServer(server.socketDirectory);
    if (problem !== undefined) return notRunning(causeLine(problem));
    return server.socketDirectory;
  });
  if (found instanceof NotRunning) return yield* found;
  return { url: Redacted.make(urlOf(found, DATABASE)), adopted: true };
});
