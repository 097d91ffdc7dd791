import { Database, type DatabaseError } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import * as FiberMap from "effect/FiberMap";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import { type Kysely, sql } from "kysely";

/** How soon a follower finds that a leader is gone, and a leader that its connection is. One cheap query for each. */
const LOOK_EVERY = "2 seconds";
/**
 * The server ends a session that asked nothing for so long, and its locks with it. A leader asks every two seconds. Without this a leader
 * whose machine or network vanished would lead on until the server's TCP notices: two hours by default.
 */
const SILENCE_MOST = "30s";
/** A server that is away is asked again so often. */
const CONNECT_EVERY = "1 second";
/** First key of our advisory locks, the second is the name: an arbitrary number, "lead" in ASCII. Never change it. */
const LEADER_LOCK = 0x6c656164;

/**
 * Runs `work` for each name that this process leads, until interrupted. Of all processes on one database at most one leads a name;
 * the others wait and take over when it ends or loses its connection.
 *
 * The locks belong to one session of the database, taken out of the pool. When that session is lost they are free, so all work
 * stops and is begun again with a new session. For a moment two may believe that they lead, so
 * leadership saves work and does not guard data: what must not happen twice needs a guard of its own, as a checkpoint that
 * moves only from where its writer believes it to be.
 *
 * `names` share one space over all processes: say who you are in them, as `dispatch/<target>`.
 */
export const lead = <R>(
  names: ReadonlyArray<string>,
  work: (name: string) => Effect.Effect<never, never, R>,
): Effect.Effect<never, never, R | Database> =>
  leadOnce(names, work).pipe(
    Effect.tapError((error) => Effect.logWarning(`leadership is lost with its connection: ${error.message}`)),
    Effect.retry(Schedule.spaced(CONNECT_EVERY)),
    Effect.orDie,
  );

const leadOnce = <R>(
  names: ReadonlyArray<string>,
  work: (name: string) => Effect.Effect<never, never, R>,
): Effect.Effect<never, DatabaseError, R | Database> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { attempt } = yield* Database;
      const session = yield* openSession;
      // Made after the session, so closed before it: nothing works on without the locks.
      const working = yield* FiberMap.make<string>();
      for (;;) {
        const followed = names.filter((name) => !FiberMap.hasUnsafe(working, name));
        const won = yield* attempt("ask for leadership", () => tryLocks(session, followed));
        for (const name of won) {
          yield* FiberMap.run(working, name, work(name));
          yield* Effect.logDebug(`leads ${name}`);
        }
        yield* Effect.sleep(LOOK_EVERY);
      }
    }),
  );

/** Also asked with no names: a query that fails is how a lost session is found. */
const tryLocks = async (session: Kysely<object>, names: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const { rows } = await sql<{ name: string }>`
    select name from unnest(${names}::text[]) as name
    where pg_try_advisory_lock(${sql.lit(LEADER_LOCK)}, hashtext(name))`.execute(session);
  return rows.map((row) => row.name);
};

interface Session {
  readonly connection: Kysely<object>;
  readonly giveBack: () => Promise<void>;
}

/**
 * A connection of the pool for us alone. It is given back without locks: the pool keeps it, and locks live as long as it does.
 * @internal
 */
export const openSession: Effect.Effect<Kysely<object>, DatabaseError, Database | Scope.Scope> = Effect.gen(
  function* () {
    const { kysely, attempt } = yield* Database;
    const session = yield* Effect.acquireRelease(
      attempt("open a session for leadership", () => takeConnection(kysely)),
      ({ connection, giveBack }) =>
        attempt("give leadership up", async () => {
          await sql`select pg_advisory_unlock_all(), set_config('idle_session_timeout', '0', false)`
            .execute(connection)
            .finally(giveBack);
        }).pipe(Effect.ignore), // a session that cannot answer is lost, and its locks with it
    );
    yield* attempt("limit the silence of a leader", () =>
      sql`select set_config('idle_session_timeout', ${SILENCE_MOST}, false)`.execute(session.connection),
    );
    return session.connection;
  },
);

const takeConnection = (kysely: Kysely<object>): Promise<Session> =>
  new Promise((resolve, reject) => {
    const over = Promise.withResolvers<void>();
    const held = kysely.connection().execute((connection) => {
      const giveBack = (): Promise<void> => {
        over.resolve();
        return held;
      };
      resolve({ connection, giveBack });
      return over.promise;
    });
    held.catch(reject);
  });
