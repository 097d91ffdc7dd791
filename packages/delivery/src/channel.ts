import { type QueryExecutorProvider, sql } from "kysely";

/** LISTEN/NOTIFY channel: the payload is the name of a target that may have work. Lower case, since some drivers fold it. */
export const DELIVERY_CHANNEL = "drayage_delivery";
/** The same for rescans; the payload is the registry. */
export const RESCAN_CHANNEL = "drayage_rescan";

/** Says that a target may have work. Inside a transaction it is heard at the commit, and once for each payload. */
export const wakeTarget = async (db: QueryExecutorProvider, target: string): Promise<void> => {
  await sql`select pg_notify(${DELIVERY_CHANNEL}, ${target})`.execute(db);
};
export const wakeRescans = async (db: QueryExecutorProvider, registry: string): Promise<void> => {
  await sql`select pg_notify(${RESCAN_CHANNEL}, ${registry})`.execute(db);
};
