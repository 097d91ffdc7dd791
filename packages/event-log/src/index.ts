/**
 * An append-only log on PostgreSQL, and the database service under it.
 *
 * - `layerDatabase`: one database, a server or embedded, checked to be durable and to be ours.
 * - `EventLog.layer`: append, read, subscribe, checkpoints.
 * - `appendWithin`, `advanceWithin`: the same as a part of another package's transaction.
 */
export type { DatabaseUrl } from "./database/connection.ts";
export { Database, type DatabaseShape } from "./database/database.ts";
export { BrokenInvariant, DatabaseError, DatabaseRefused, type RefusalReason } from "./database/errors.ts";
export { type DatabaseFailure, type DatabaseOptions, layerDatabase } from "./database/layer.ts";
export type { Listen, ListenHandler } from "./database/listen.ts";
export type { Migration, Migrations } from "./database/migrate.ts";
export { named } from "./database/named.ts";
export type { RunTransaction, Trx } from "./database/transaction.ts";
export { AlreadyOwned, EmbeddedError, type EmbeddedFailure, NotRunning } from "./embedded/errors.ts";
export { appendWithin } from "./log/append-within.ts";
export type { Archived, ArchiveOptions } from "./log/archive.ts";
export { type Advance, advanceWithin, type Checkpoint, readCheckpoints } from "./log/checkpoint.ts";
export { type CloudEvent, cloudEvent } from "./log/cloud-event.ts";
export { bytesColumn, jsonColumn, textColumn, timeColumn, uuidColumn } from "./log/columns.ts";
export { EventInvalid, LogUnavailable } from "./log/errors.ts";
export { newEventId } from "./log/event-id.ts";
export { EventLog, type EventLogShape } from "./log/event-log.ts";
export type { OpenTransaction } from "./log/insert.ts";
export { eventLogMigrations } from "./log/migrations.ts";
export type {
  Appended,
  JsonObject,
  JsonValue,
  NewEvent,
  RawNotification,
  RecordedEvent,
} from "./log/model.ts";
export type { Pruned, PruneOptions } from "./log/prune.ts";
export type { ReadBackwardOptions, ReadOptions } from "./log/read.ts";
export type { SubscribeOptions } from "./log/subscribe.ts";
export type { Upcast, Upcasts } from "./log/upcast.ts";
