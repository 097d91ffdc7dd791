import { type Kysely, sql } from "kysely";
import { DatabaseRefused } from "./errors.ts";

/** The oldest version that is tested (DESIGN.md section 9). */
const SERVER_VERSION_MIN = 150_000; // server_version_num of 15.0

export interface ServerSettings {
  readonly version: number;
  readonly versionText: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly fullPageWrites: string;
}

/** Invariant 1 rests on these: a commit that was answered is on the disk of the server. */
export const refusalOf = (settings: ServerSettings): DatabaseRefused | undefined => {
  if (settings.version < SERVER_VERSION_MIN) {
    return new DatabaseRefused({
      reason: "server-too-old",
      detail: `PostgreSQL ${settings.versionText} is too old: 15 or newer is needed`,
    });
  }
  const off = [
    ["fsync", settings.fsync],
    ["synchronous_commit", settings.synchronousCommit],
    ["full_page_writes", settings.fullPageWrites],
  ].flatMap(([name, value]) => (value === "off" ? [name] : []));
  if (off.length === 0) return undefined;
  return new DatabaseRefused({
    reason: "not-durable",
    detail: `${off.join(", ")} is off on the server, so a crash could lose acknowledged events: turn it on (also for our role and database)`,
  });
};

/** As they are for our own role and database. */
export const readSettings = async (db: Kysely<object>): Promise<ServerSettings> => {
  const { rows } = await sql<ServerSettings>`
    select current_setting('server_version_num')::int as "version",
           current_setting('server_version') as "versionText",
           current_setting('fsync') as "fsync",
           current_setting('synchronous_commit') as "synchronousCommit",
           current_setting('full_page_writes') as "fullPageWrites"`.execute(db);
  const [settings] = rows;
  if (settings === undefined) throw new Error("the server did not tell its settings");
  return settings;
};
