import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { getCACertificates } from "node:tls";
import type { ECRClientConfig } from "@aws-sdk/client-ecr";
import type { NetworkSettings, RegistrySettings } from "@drayage/oci-core";
import * as Redacted from "effect/Redacted";
import type { EcrOptions } from "./options.ts";

/** What every client of the AWS SDK gets. */
export interface ClientSettings {
  readonly region: string;
  readonly credentials: NonNullable<ECRClientConfig["credentials"]>;
  readonly maxAttempts: number;
  readonly retryMode: "adaptive";
  readonly endpoint?: string;
  readonly requestHandler?: { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent };
}

/** The SDK's own retries bridge a hiccup; deliveries retry for days. Adaptive: it slows down by itself when it is throttled. */
const ATTEMPTS_MAX = 4;
/** ECR Public has one region for what needs a login. */
const PUBLIC_REGION = "us-east-1";
const SESSION = "drayage";

export const clientSettings = async (
  { network }: Pick<RegistrySettings, "name" | "network">,
  { auth, region, isPublic, api }: EcrOptions,
): Promise<ClientSettings> => {
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
  const where = isPublic ? PUBLIC_REGION : region;
  const chain = fromNodeProviderChain({ clientConfig: { region: where } });
  return {
    region: where,
    maxAttempts: ATTEMPTS_MAX,
    retryMode: "adaptive",
    credentials:
      auth.roleArn === undefined
        ? chain
        : fromTemporaryCredentials({
            masterCredentials: chain,
            clientConfig: { region: where },
            params: {
              RoleArn: auth.roleArn,
              RoleSessionName: SESSION,
              ...(auth.externalId === undefined ? {} : { ExternalId: auth.externalId }),
            },
          }),
    ...(api === undefined ? {} : { endpoint: api.href }),
    ...agentsOf(network),
  };
};

/** The same proxy and authorities as for the registry itself. Its `endpoint` is of the registry's host alone: the API has `api`. */
const agentsOf = ({ proxy, tls }: NetworkSettings = {}): Pick<ClientSettings, "requestHandler"> => {
  if (proxy === undefined && tls === undefined) return {};
  const through = proxy === undefined ? undefined : Redacted.value(proxy);
  const options = {
    keepAlive: true,
    ...(through === undefined ? {} : { proxyEnv: { HTTP_PROXY: through, HTTPS_PROXY: through } }),
  };
  const ca = tls?.ca === undefined ? {} : { ca: [...getCACertificates("default"), tls.ca] };
  return { requestHandler: { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent({ ...options, ...ca }) } };
};
