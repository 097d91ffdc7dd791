/** For tests only: needs vitest. */
export { type EventLogSubject, eventLogContract } from "./event-log-contract.ts";
export { skipTo } from "./skip-to.ts";
export { layerTestDatabase, layerTestLog, type TestDatabaseOptions } from "./test-database.ts";
export { createTestDatabase } from "./test-server.ts";
