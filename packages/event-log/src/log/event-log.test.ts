import { eventLogContract } from "../testing/event-log-contract.ts";
import { layerTestLog } from "../testing/test-database.ts";

eventLogContract("PostgreSQL", () => layerTestLog());
