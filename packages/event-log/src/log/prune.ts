import { type Kysely, sql } from "kysely";

export interface PruneOptions {
  readonly now: Date;
  /** Default 30 days (DESIGN.md section 4.1, `retention.raw`). */
  readonly rawOlderThanMs?: number | undefined;
}
export interface Pruned {
  readonly rawNotifications: number;
  readonly dedupe: number;
}

const RAW_MS = 30 * 24 * 60 * 60 * 1000;
/** Keeps each transaction far below the statement timeout, and its locks short. */
const PRUNE_ROWS = 5_000;

const inPortions = async (portion: () => Promise<bigint | undefined>): Promise<number> => {
  let total = 0;
  for (;;) {
    const deleted = Number((await portion()) ?? 0n);
    total += deleted;
    if (deleted < PRUNE_ROWS) return total;
  }
};

/** Forgets raw notifications that are too old, and delivery ids that have expired. Events stay. */
export const prune = async (db: Kysely<object>, options: PruneOptions): Promise<Pruned> => {
  const rawBefore = new Date(options.now.getTime() - (options.rawOlderThanMs ?? RAW_MS)).toISOString();
  const now = options.now.toISOString();
  const rawNotifications = await inPortions(async () => {
    const result = await sql`delete from raw_notification where id in (
      select id from raw_notification where received_at < ${rawBefore}::timestamptz limit ${PRUNE_ROWS}::int)`.execute(
      db,
    );
    return result.numAffectedRows;
  });
  const dedupe = await inPortions(async () => {
    const result = await sql`delete from event_dedupe where hash in (
      select hash from event_dedupe where expires_at <= ${now}::timestamptz limit ${PRUNE_ROWS}::int)`.execute(db);
    return result.numAffectedRows;
  });
  return { rawNotifications, dedupe };
};
