/** For tests only: needs vitest. */
export { type EventLogSubject, eventLogContract } from "./event-log-contract.ts";
export { startTcpServer, type TcpServer } from "./tcp-server.ts";
export { layerTestDatabase, layerTestLog, type TestDatabaseOptions } from "./test-database.ts";
export { createTestDatabase } from "./test-server.ts";
