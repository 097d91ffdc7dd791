/** What every type of registry has in drayage.yaml, and how it becomes the typed value. */
import { resolve } from "node:path";
import type { NotificationSecrets, RegistryAuth } from "@drayage/oci-core";
import * as Redacted from "effect/Redacted";
import * as z from "zod";
import type { NetworkConfig, RegistryCommon } from "../model.ts";
import { checked, rate } from "../text.ts";

/** Where a registry's wire value becomes a typed one. */
export interface BuildContext {
  readonly name: string;
  /** Where relative paths start from. */
  readonly directory: string;
}

/** A URL of scheme, host and port alone. */
const bareUrl = (what: string, example: string) =>
  checked(readUrl, what, `Write only scheme, host and port, e.g. ${example}`);
function readUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const parsed = new URL(text);
  const bare = parsed.pathname === "/" && parsed.search === "" && parsed.hash === "";
  const anonymous = parsed.username === "" && parsed.password === "";
  return bare && anonymous && /^https?:$/.test(parsed.protocol) ? parsed : undefined;
}
export const registryUrl = bareUrl("not the address of a registry", "https://registry.example.com");
export const apiUrl = bareUrl("not the address of an API", "https://api.example.com");

const PROXY_MEND =
  "Write scheme, host and port, and a user where the proxy wants one, e.g. http://proxy.example.com:3128";
const proxyUrl = checked(
  (text) => {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    const isBare = parsed?.pathname === "/" && parsed.search === "" && parsed.hash === "";
    return isBare && /^https?:$/.test(parsed.protocol) ? parsed.href : undefined;
  },
  "not the address of a proxy",
  PROXY_MEND,
);

const path = z.string().min(1);
export const limits = z
  .strictObject({
    concurrency: z.int().min(1).max(1024).optional().describe("Requests in flight at once. Default: by registry type."),
    requestsPerSecond: z.number().positive().optional().describe("Requests a second. Default: no limit of our own."),
    bandwidth: rate
      .optional()
      .describe("Bytes of blobs a second, to and from the registry together, e.g. `100MiB/s`. Default: no limit."),
  })
  .prefault({});

/** Keys that every type takes. */
export const commonKeys = {
  realms: z
    .array(z.string().regex(/^[a-z0-9.-]+(:[0-9]{1,5})?$/, "a host, with or without a port, and nothing else"))
    .prefault([])
    .describe(
      "Hosts of token servers on another site than the registry that may get its credentials, e.g. `auth.example.com`. A realm on the registry's own site needs no entry.",
    ),
  limits: limits.describe("How hard the registry may be asked, all copies together."),
  tls: z
    .strictObject({
      ca: path.optional().describe("PEM file of certificate authorities to trust beside those of Node. Default: none."),
      clientCert: path
        .optional()
        .describe("PEM file of our certificate, for registries that ask for one. Default: none."),
      clientKey: path.optional().describe("PEM file of its key. Default: none."),
    })
    .refine((tls) => (tls.clientCert === undefined) === (tls.clientKey === undefined), {
      error: "clientCert and clientKey go together",
    })
    .optional()
    .describe(
      "Certificates. Files are relative to this one, and read when the registry is opened. Default: what Node trusts.",
    ),
  proxy: proxyUrl
    .optional()
    .describe("An HTTP proxy for every connection to this registry and its storage. Default: none."),
  endpoint: bareUrl("not an address", "https://10.0.0.7")
    .optional()
    .describe(
      "Connect here instead of to the host of `url` (private DNS, a load balancer). Names and certificates stay those of `url`. Default: the host of `url`.",
    ),
};

export const credentials = z.union([
  z.strictObject({
    username: z.string().min(1).describe("User or robot account."),
    password: z
      .string()
      .min(1)
      .describe(`Password or access token. Keep it out of the file: \`\${env:NAME}\` or \`\${file:PATH}\`.`),
  }),
  z.strictObject({ token: z.string().min(1).describe("Sent as it is, as a bearer token.") }),
]);
export const auth = z
  .union([z.enum(["anonymous", "docker-config"]), credentials, z.array(credentials).min(1)])
  .prefault("anonymous")
  .describe(
    "How we prove who we are: `anonymous`, `docker-config` (~/.docker/config.json and its helpers), `{ username, password }`, `{ token }`, or a list of these that is tried in order (rotation).",
  );

const secret = z.string().min(1);
export const secrets = z.union([secret, z.array(secret).min(1)]);
export const secretNotifications = z
  .strictObject({
    secret: secrets
      .optional()
      .describe(
        "Proof that a notification comes from this registry; any of a list is accepted (rotation). `oci`: compared with the Authorization header, or the key of a signature. Without it notifications are heard from loopback only.",
      ),
    scheme: z
      .enum(["shared-secret", "hmac-sha256"])
      .prefault("shared-secret")
      .describe(
        "`shared-secret`: sent as it is in a header. `hmac-sha256`: a signature over the body, as Artifactory and GitHub make it.",
      ),
  })
  .prefault({})
  .describe("What the registry tells us, at `POST /notifications/<name>` of ingest.");

type WireCommon = z.infer<z.ZodObject<typeof commonKeys>>;

export const buildCommon = (wire: WireCommon, url: URL, { name, directory }: BuildContext): RegistryCommon => ({
  name,
  url,
  realms: wire.realms,
  traits: {
    ...(wire.limits.concurrency === undefined ? {} : { concurrency: wire.limits.concurrency }),
    ...(wire.limits.requestsPerSecond === undefined ? {} : { requestsPerSecond: wire.limits.requestsPerSecond }),
    ...(wire.limits.bandwidth === undefined ? {} : { bandwidth: wire.limits.bandwidth }),
  },
  network: buildNetwork(wire, name, directory),
});

const buildNetwork = (wire: WireCommon, name: string, directory: string): NetworkConfig => {
  const at = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(directory, file);
  const { tls, proxy, endpoint } = wire;
  return {
    ...(tls === undefined
      ? {}
      : { tls: { ca: at(tls.ca), clientCert: at(tls.clientCert), clientKey: at(tls.clientKey) } }),
    ...(proxy === undefined ? {} : { proxy: Redacted.make(proxy, { label: `${name} proxy` }) }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
};

export const buildAuth = (
  registry: string,
  wire: z.infer<typeof auth>,
): ReadonlyArray<RegistryAuth> | "docker-config" => {
  if (wire === "docker-config") return wire;
  if (wire === "anonymous") return [{ _tag: "Anonymous" }];
  return (Array.isArray(wire) ? wire : [wire]).map(
    (one): RegistryAuth =>
      "token" in one
        ? { _tag: "Bearer", token: Redacted.make(one.token, { label: `${registry} token` }) }
        : {
            _tag: "Basic",
            username: one.username,
            password: Redacted.make(one.password, { label: `${registry} password` }),
          },
  );
};

export const buildSecrets = (
  registry: string,
  wire: { readonly secret?: z.infer<typeof secrets> | undefined; readonly scheme: NotificationSecrets["scheme"] },
): NotificationSecrets => {
  const texts = wire.secret === undefined ? [] : Array.isArray(wire.secret) ? wire.secret : [wire.secret];
  return {
    scheme: wire.scheme,
    secrets: texts.map((text) => Redacted.make(text, { label: `${registry} notification secret` })),
  };
};
