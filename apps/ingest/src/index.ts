/** Notifications in, facts out. */
export { type IngestOptions, ingest } from "./ingest.ts";
