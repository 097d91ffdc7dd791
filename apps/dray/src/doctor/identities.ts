import type { RegistryConfig } from "@drayage/config";
import type { Finding, RegistryAuth } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { lookAtConnection } from "./catalogue.ts";
import { open } from "./open.ts";

/** A list of credentials is tried in order, so one that was refused long ago hides behind the next until that one is taken away too. */
export const lookAtIdentities = (config: RegistryConfig): Effect.Effect<ReadonlyArray<Finding>> => {
  // Clouds have one provider chain and no list.
  if (config.type !== "oci" && config.type !== "artifactory") return Effect.succeed([]);
  const { auth } = config;
  if (auth === "docker-config" || auth.length < 2) return Effect.succeed([]);
  const one = (identity: RegistryAuth, index: number) =>
    Effect.scoped(Effect.flatMap(open({ ...config, auth: [identity] }), lookAtConnection)).pipe(
      Effect.map((findings) =>
        findings
          .filter(({ key }) => key === `registries.${config.name}.auth`)
          .map(
            (finding): Finding => ({ ...finding, severity: "warning", key: `${finding.key}[${index}]`, mend: REMOVE }),
          ),
      ),
      // What the files of the registry lack is said once, of the registry.
      Effect.catch(() => Effect.succeed([])),
    );
  return Effect.map(Effect.forEach(auth, one), (all) => all.flat());
};

const REMOVE = "Correct it, or take it out of the list once nothing needs it";
