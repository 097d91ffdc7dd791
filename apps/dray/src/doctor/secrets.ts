import type { RegistryConfig } from "@drayage/config";
import type { Finding } from "@drayage/oci-core";
import * as Redacted from "effect/Redacted";

/** 16 characters from a generator are beyond guessing; what people make up is shorter. */
const SECRET_LENGTH_MIN = 16;

/** Secrets of notifications that somebody could guess. Pure; nothing of the secret is told. */
export const secretFindings = (registry: RegistryConfig): ReadonlyArray<Finding> =>
  secretsOf(registry).flatMap((secret, index, all): ReadonlyArray<Finding> => {
    const { length } = Redacted.value(secret);
    if (length >= SECRET_LENGTH_MIN) return [];
    return [
      {
        severity: "warning",
        key: `registries.${registry.name}.notifications.secret${all.length === 1 ? "" : `[${index}]`}`,
        what: `the secret has ${length} characters, which can be guessed`,
        mend: `Take one of ${SECRET_LENGTH_MIN} or more from a generator, e.g. \`openssl rand -hex 32\`; list both while the sender changes`,
      },
    ];
  });

const secretsOf = ({ notifications }: RegistryConfig): ReadonlyArray<Redacted.Redacted<string>> =>
  "secrets" in notifications ? notifications.secrets : [];
