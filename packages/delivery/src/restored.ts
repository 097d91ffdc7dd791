import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Database, type DatabaseError, EventLog, type LogUnavailable } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import { type QueryExecutorProvider, sql } from "kysely";

/**
 * After our own database was restored from a backup, our books are older than the registries: deletes are off at each target until it was
 * compared completely since (DESIGN.md section 6). It is noticed by what a restored database cannot have:
 *
 * - another system identifier (a dump that was read into a new cluster) or another timeline (recovery to a point in time, and a standby that was
 *   promoted, which may lack what was committed last) than the books were written under;
 * - a log without an event that this machine has seen, by a mark that is kept outside of the database. It finds a copy of the files that was put back.
 *
 * A backup of files that holds the mark too cannot be told from the original; where that is how backups are made, the mark has to be left out of them.
 */
export interface Mark {
  readonly instance: string;
  readonly position: number;
  readonly id: string;
}

const MOVED = sql`(e.system, e.timeline) is distinct from (s.system_identifier::text, c.timeline_id)`;

/** Why nothing may be deleted at a target now; undefined: deletes are on. By the database alone, so that a restore is known with the first question. */
export const deletesOff = async (db: QueryExecutorProvider, target: string): Promise<string | undefined> => {
  const { rows } = await sql<{ moved: boolean; why: string | null; reconciled: boolean }>`
    select ${MOVED} as moved, e.why, e.restored_position is null or exists (
      select 1 from checkpoint p where starts_with(p.subscriber, 'reconcile/complete/' || ${target} || '/')
        and p.position > e.restored_position) as reconciled
    from epoch e, pg_control_system() s, pg_control_checkpoint() c`.execute(db);
  const [row] = rows;
  if (row === undefined || (!row.moved && row.reconciled)) return undefined;
  const because = row.moved ? OTHER_DATABASE : (row.why ?? OTHER_DATABASE);
  return `deletes are off: ${because}; they are on again once ${target} was compared completely`;
};
const OTHER_DATABASE = "the database was restored, or another server has taken its place";

/** Position of the log at which a restore was noticed: a reconciliation before it says nothing. Undefined: there was none. */
export const restoredPosition = async (db: QueryExecutorProvider): Promise<number | undefined> => {
  const { rows } = await sql<{ at: number | null }>`select restored_position::float8 as at from epoch`.execute(db);
  return rows[0]?.at ?? undefined;
};

/** Looks, and writes down what it finds. Returns why the database counts as restored, when it was not known before. */
export const noticeRestore = Effect.fnUntraced(function* (
  mark: Mark | undefined,
): Effect.fn.Return<string | undefined, DatabaseError, Database> {
  return yield* (yield* Database).transaction("look for a restore", async (trx) => {
    const { rows } = await sql<{ moved: boolean; head: number }>`
      select ${MOVED} as moved, (select coalesce(max(position), 0)::float8 from event) as head
      from epoch e, pg_control_system() s, pg_control_checkpoint() c for update of e`.execute(trx);
    const [row] = rows;
    if (row === undefined) return undefined;
    const why = row.moved ? OTHER_DATABASE : (await lacks(trx, mark)) ? missing(mark) : undefined;
    if (why === undefined) return undefined;
    await sql`
      update epoch set (system, timeline) = (select system_identifier::text, timeline_id
          from pg_control_system(), pg_control_checkpoint()),
        restored_position = ${row.head}, restored_at = now(), why = ${why}`.execute(trx);
    return why;
  });
});

const missing = (mark: Mark | undefined): string =>
  `the log lacks event ${mark?.position}, which this machine has seen`;

/** Whether the log lacks the marked event. One that was archived with all before it is not lacking. */
const lacks = async (trx: QueryExecutorProvider, mark: Mark | undefined): Promise<boolean> => {
  if (mark === undefined) return false;
  const { rows } = await sql<{ id: string | null; older: boolean; newer: boolean }>`
    select (select id::text from event where position = ${mark.position}::bigint) as id,
      exists (select 1 from event where position < ${mark.position}::bigint) as older,
      exists (select 1 from event where position > ${mark.position}::bigint) as newer`.execute(trx);
  const [row] = rows;
  if (row === undefined) return false;
  return row.id === null ? row.older || !row.newer : row.id !== mark.id;
};

/** Of another instance, or damaged: none. */
export const readMark = (file: string, instance: string): Effect.Effect<Mark | undefined> =>
  Effect.promise(async () => {
    const text = await readFile(file, "utf8").catch(() => "");
    const read = parse(text);
    return read?.instance === instance ? read : undefined;
  });

const parse = (text: string): Mark | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { instance, position, id } = value as Record<keyof Mark, unknown>;
    return typeof instance === "string" && Number.isSafeInteger(position) && typeof id === "string"
      ? { instance, position: Number(position), id }
      : undefined;
  } catch {
    return undefined; // not ours, or half written by an older version
  }
};

/** Marks the newest event of the log. */
export const writeMark = Effect.fnUntraced(function* (
  file: string,
  instance: string,
): Effect.fn.Return<void, LogUnavailable, EventLog> {
  const [newest] = yield* (yield* EventLog).readBackward({ limit: 1 });
  if (newest === undefined) return;
  const mark: Mark = { instance, position: newest.position, id: newest.id };
  yield* Effect.promise(async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, `${JSON.stringify(mark)}\n`);
    await rename(`${file}.new`, file);
  });
});
