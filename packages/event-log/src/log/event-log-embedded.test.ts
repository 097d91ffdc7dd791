import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { layerDatabase } from "../database/layer.ts";
import { seedCluster } from "../testing/cluster-template.ts";
import { eventLogContract } from "../testing/event-log-contract.ts";
import { EventLog } from "./event-log.ts";
import { eventLogMigrations } from "./migrations.ts";

const dataDirectory = Effect.acquireRelease(
  Effect.promise(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "embedded-log-"));
    await seedCluster(dataDir);
    return dataDir;
  }),
  (dataDir) => Effect.promise(() => rm(dataDir, { recursive: true, force: true })),
);

eventLogContract("embedded PostgreSQL", () =>
  Layer.unwrap(
    Effect.map(dataDirectory, (dataDir) =>
      Layer.provideMerge(
        EventLog.layer,
        layerDatabase({ database: { _tag: "Embedded", dataDir }, instance: "test", migrations: [eventLogMigrations] }),
      ),
    ),
  ),
);
