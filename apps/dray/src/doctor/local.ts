import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname } from "node:path";
import type { Config, Loaded } from "@drayage/config";
import type { Finding } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { databaseLayer } from "../compose/database.ts";

/** Doubts of the configuration as `dray config check` tells them: a missing secret of notifications is among them. Pure. */
export const warningFindings = (warnings: Loaded["warnings"]): ReadonlyArray<Finding> =>
  warnings.map(({ path, message, mend }) => ({ severity: "warning", key: path, what: message, mend }));

/** The database, as a guest. An embedded one is only there while `dray up` runs. */
export const lookAtDatabase = (config: Config): Effect.Effect<ReadonlyArray<Finding>> =>
  config.database._tag === "Embedded"
    ? Effect.succeed([])
    : Effect.scoped(Layer.build(databaseLayer(config, "guest"))).pipe(
        Effect.match({
          onSuccess: () => [],
          onFailure: (error) => [
            {
              severity: "error",
              key: "database",
              what: error.message,
              mend: "Correct the address or the password, or start the server; `dray up` makes the tables",
            },
          ],
        }),
      );

/** Whether the data directory can be written, or made. */
export const lookAtDataDir = ({ dataDir }: Pick<Config, "dataDir">): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.map(
    Effect.promise(() => refusal(dataDir)),
    (what) =>
      what === undefined
        ? []
        : [
            {
              severity: "error",
              key: "dataDir",
              what,
              mend: "Choose another directory, or give us the right to write it",
            },
          ],
  );

/** The nearest directory that is there decides. */
const refusal = async (path: string): Promise<string | undefined> => {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (missing && dirname(path) !== path) return refusal(dirname(path));
    return cause instanceof Error ? cause.message : String(cause);
  }
};
