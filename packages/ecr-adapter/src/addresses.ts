import type { OutboundHost, RegistrySettings } from "@drayage/oci-core";
import type { EcrOptions } from "./options.ts";

/** What the host of a private registry tells. Source: facts/ecr.md section 1, the recogniser of AWS's credential helper. */
interface EcrHost {
  readonly isFips: boolean;
  readonly isDualStack: boolean;
  /** What follows the region. */
  readonly suffix: string;
}

const HOST =
  /^\d{12}\.dkr([.-])ecr(-fips)?\.[a-z0-9][a-z0-9_-]*\.(amazonaws\.(?:com(?:\.cn)?|eu)|on\.(?:aws|amazonwebservices\.com\.cn)|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/;

/** Of `url`, where that is an address that AWS has given out; `undefined` for a name of one's own or ECR Public. */
export const readHost = ({ hostname }: URL): EcrHost | undefined => {
  const [, joint, fips, suffix = ""] = HOST.exec(hostname) ?? [];
  return joint === undefined ? undefined : { isFips: fips !== undefined, isDualStack: joint === "-", suffix };
};

/** Partitions whose names end in something else than amazonaws.com. */
const SUFFIXES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^cn-/, "amazonaws.com.cn"],
  [/^eusc-/, "amazonaws.eu"],
  [/^us-isob-/, "sc2s.sgov.gov"],
  [/^us-iso-/, "c2s.ic.gov"],
  [/^eu-isoe-/, "cloud.adc-e.uk"],
  [/^us-isof-/, "csp.hci.ic.gov"],
];
const suffixOf = (region: string): string => SUFFIXES.find(([pattern]) => pattern.test(region))?.[1] ?? "amazonaws.com";

/**
 * Hosts beside the registry's own: API, the storage that blobs are redirected to, the role's token service, the queue. Those of the default provider
 * chain (web identity, SSO, metadata) depend on where Drayage runs and not on the configuration. Source: facts/ecr.md 1, 4.5; that storage in other
 * partitions is named alike is UNVERIFIED, `dray doctor --egress` also shows what a registry has really named.
 */
export const outboundHosts = (
  { url }: Pick<RegistrySettings, "url">,
  { api, auth, isPublic, queue, queueApi, region }: EcrOptions,
): ReadonlyArray<OutboundHost> => {
  const suffix = suffixOf(region);
  return [
    at(api ?? new URL(`https://${isPublic ? PUBLIC_API : privateApi(readHost(url), region, suffix)}`), "API"),
    ...(isPublic ? [] : [named(`prod-${region}-starport-layer-bucket.s3.${region}.${suffix}`, "storage of layers")]),
    ...(auth.roleArn === undefined ? [] : [named(`sts.${isPublic ? PUBLIC_REGION : region}.${suffix}`, "role")]),
    ...(queue === undefined ? [] : [at(queueApi ?? queue, "queue")]),
  ];
};

/** ECR Public has one region for what needs a login. */
export const PUBLIC_REGION = "us-east-1";
const PUBLIC_API = `api.ecr-public.${PUBLIC_REGION}.amazonaws.com`;

const privateApi = (host: EcrHost | undefined, region: string, suffix: string): string => {
  const fips = host?.isFips === true ? "-fips" : "";
  if (host?.isDualStack !== true) return `api.ecr${fips}.${region}.${suffix}`;
  return `ecr${fips}.${region}.${suffix === "amazonaws.com" ? "api.aws" : "api.amazonwebservices.com.cn"}`;
};

const named = (host: string, purpose: string): OutboundHost => ({ host, port: 443, purpose });
const at = ({ hostname, port, protocol }: URL, purpose: string): OutboundHost => ({
  host: hostname,
  port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
  purpose,
});
