import * as Effect from "effect/Effect";
import { makePostgresFixture, testDatabase } from "./postgres.test-support.ts";
import { deliveryBusContract } from "./testing/index.ts";

deliveryBusContract("PostgreSQL", Effect.map(testDatabase, makePostgresFixture));
