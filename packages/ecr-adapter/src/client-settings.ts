import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { getCACertificates } from "node:tls";
import type { ECRClientConfig } from "@aws-sdk/client-ecr";
import type { NetworkSettings, RegistrySettings } from "@drayage/oci-core";
import * as Redacted from "effect/Redacted";
import { PUBLIC_REGION, readHost } from "./addresses.ts";
import type { EcrOptions } from "./options.ts";

/** What every client of the AWS SDK gets. */
export interface ClientSettings {
  readonly region: string;
  readonly credentials: NonNullable<ECRClientConfig["credentials"]>;
  readonly maxAttempts: number;
  readonly retryMode: "adaptive";
  readonly endpoint?: string;
  /** The API of the same kind as the registry's own address. */
  readonly useFipsEndpoint?: boolean;
  readonly useDualstackEndpoint?: boolean;
  readonly requestHandler: Connections;
}

/** How the SDK connects. */
interface Connections {
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/** A host of AWS that takes no connection in this time is down for now. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A long poll of SQS is answered after 20 s; no other call takes as long. */
const ANSWER_TIMEOUT_MS = 60_000;

/** The SDK's own retries bridge a hiccup; deliveries retry for days. Adaptive: it slows down by itself when it is throttled. */
const ATTEMPTS_MAX = 4;
const SESSION = "drayage";

export const clientSettings = async (
  { network, url }: Pick<RegistrySettings, "name" | "network" | "url">,
  { auth, region, isPublic, api }: EcrOptions,
): Promise<ClientSettings> => {
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
  const where = isPublic ? PUBLIC_REGION : region;
  const requestHandler = connections(network);
  const clientConfig = { region: where, requestHandler };
  const chain = fromNodeProviderChain({ clientConfig });
  const host = isPublic ? undefined : readHost(url);
  return {
    region: where,
    maxAttempts: ATTEMPTS_MAX,
    retryMode: "adaptive",
    credentials:
      auth.roleArn === undefined
        ? chain
        : fromTemporaryCredentials({
            masterCredentials: chain,
            clientConfig,
            params: {
              RoleArn: auth.roleArn,
              RoleSessionName: SESSION,
              ...(auth.externalId === undefined ? {} : { ExternalId: auth.externalId }),
            },
          }),
    ...(api !== undefined
      ? { endpoint: api.href }
      : { useFipsEndpoint: host?.isFips ?? false, useDualstackEndpoint: host?.isDualStack ?? false }),
    requestHandler,
  };
};

/** The same proxy and authorities as for the registry itself. Its `endpoint` is of the registry's host alone: the API has `api`. */
const connections = ({ proxy, tls }: NetworkSettings = {}): Connections => {
  const through = proxy === undefined ? undefined : Redacted.value(proxy);
  const options = {
    keepAlive: true,
    ...(through === undefined ? {} : { proxyEnv: { HTTP_PROXY: through, HTTPS_PROXY: through } }),
  };
  const ca = tls?.ca === undefined ? {} : { ca: [...getCACertificates("default"), tls.ca] };
  return {
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: ANSWER_TIMEOUT_MS,
    httpAgent: new HttpAgent(options),
    httpsAgent: new HttpsAgent({ ...options, ...ca }),
  };
};
