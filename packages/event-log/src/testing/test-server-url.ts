/** Where a global setup tells its test files the server that it has started. */
export const TEST_SERVER = "DRAYAGE_TEST_SERVER";
