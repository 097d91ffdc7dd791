/**
 * Amazon ECR in this process, as facts/ecr.md says that it behaves: repositories must exist, tags may be immutable even for an equal digest, lists have
 * at most a thousand entries, blobs come from another host, and everything but content goes through the AWS API, which is at the same address.
 */
import { randomUUID } from "node:crypto";
import type { NotificationRequest } from "@drayage/oci-core";
import {
  type Answer,
  type Exchange,
  type RateRule,
  type RegistryChange,
  refusal,
  type StrictRegistry,
  type StrictRegistryOptions,
  type StrictRegistryRules,
  startStrictRegistry,
  text,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { awsApi } from "./aws-api.ts";
import { eventOf } from "./event-bridge.ts";
import { makeQueue, type TestQueue } from "./queue.ts";
import type { EcrState } from "./state.ts";

export interface EcrPersonality {
  /** Default `123456789012`. */
  readonly account?: string | undefined;
  /** Default `eu-central-1`. */
  readonly region?: string | undefined;
  /** ECR Public, whose names begin with this alias: a bearer token, another API, no mounts, no events. Default: a private registry. */
  readonly publicAlias?: string | undefined;
  /** Tags that cannot be moved, not even to where they are. Default: all can. */
  readonly immutableTags?: RegExp | undefined;
  /** The account setting BLOB_MOUNTING. Default: on. */
  readonly blobMounting?: boolean | undefined;
  /** A creation template for every name: pushes make their repository. Default: they are refused. */
  readonly createOnPush?: boolean | undefined;
  /** PutImage requests a second; the default quota of AWS is 10. Default: no limit. */
  readonly putImagePerSecond?: number | undefined;
  /** Seconds that a token lives. Default: twelve hours. */
  readonly tokenSeconds?: number | undefined;
  readonly port?: number | undefined;
}

/** A running ECR. */
export interface Ecr {
  readonly registry: StrictRegistry;
  readonly account: string;
  readonly region: string;
  /** `Authorization` for plain HTTP, always valid. */
  readonly authorization: string;
  /** Called with the body of each EventBridge event, in order, until the returned function is called. */
  readonly onEvent: (listener: (request: NotificationRequest) => void) => () => void;
  /** A queue that gets every event. */
  readonly queue: TestQueue;
  /** Names of the AWS calls so far. */
  readonly calls: () => ReadonlyArray<string>;
  /** The image can no longer be pulled, and default lists hide it. */
  readonly archive: (repository: string, digest: string) => void;
  /** All tokens so far are refused from now on, by 401 or in the words of ECR for one that ran out (403). */
  readonly refuseTokens: (status: 401 | 403) => void;
  /** Lifecycle policies by repository. */
  readonly policies: () => ReadonlyMap<string, string>;
  /** The next AWS call of this name, or so many, is answered with this exception. Default status 400, once. */
  readonly failNext: (operation: string, exception: string, status?: number, times?: number) => void;
}

const UPLOAD_PART_MIN = 5 * 1024 * 1024;
const TOKEN_SECONDS = 12 * 3600;
/** For plain HTTP: no token of this kind is ever given. */
const USER = { name: "AWS", password: "ecr-password" };
const EXPIRED = "Your authorization token has expired. Reauthenticate and try again.";

/** Starts an ECR that lives as long as the scope. */
export const startEcr = (options: EcrPersonality = {}): Effect.Effect<Ecr, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { account = "123456789012", region = "eu-central-1", putImagePerSecond } = options;
    const queue = makeQueue();
    const listeners = new Set<(request: NotificationRequest) => void>();
    const tell = (change: Omit<RegistryChange, "by">): void => {
      const event = eventOf({ account, region }, change);
      if (event === undefined || options.publicAlias !== undefined) return;
      const body = Buffer.from(JSON.stringify(event));
      queue.send(body.toString());
      for (const listener of listeners) listener({ headers: { "content-type": "application/json" }, body });
    };
    const basicOf = (password: string): string => Buffer.from(`${USER.name}:${password}`).toString("base64");
    const refused = new Map<string, 401 | 403>();
    let password = randomUUID();
    const state: EcrState = {
      account,
      region,
      token: () => basicOf(password),
      publicAlias: options.publicAlias,
      tokenSeconds: options.tokenSeconds ?? TOKEN_SECONDS,
      blobMounting: options.publicAlias === undefined && (options.blobMounting ?? true),
      isImmutable: options.immutableTags !== undefined,
      policies: new Map(),
      archived: new Set(),
      calls: [],
      failures: new Map(),
      queue,
      tell,
      registry: () => registry,
    };
    const rates: ReadonlyArray<RateRule> =
      putImagePerSecond === undefined ? [] : [{ method: "PUT", path: /\/manifests\//, perSecond: putImagePerSecond }];
    const rules: StrictRegistryOptions = {
      auth: options.publicAlias === undefined ? authOf(password) : { _tag: "Anonymous" },
      createRepositories: options.createOnPush ?? false,
      mount: state.blobMounting ? "honoured" : "refused",
      chunkMinLength: UPLOAD_PART_MIN,
      redirectBlobs: true,
      listPageMax: 1000,
      rates,
      // Docker's side takes a digest; a tag goes through the AWS API.
      tagDelete: "digest",
      immutable:
        options.immutableTags === undefined
          ? undefined
          : { tags: options.immutableTags, status: 400, code: "TAG_INVALID", sameDigest: "refused" },
      port: options.port,
      intercept: async (exchange) => {
        const given = /^(?:Basic|Bearer) (.+)$/.exec(exchange.headers.authorization ?? "")?.[1] ?? "";
        const status = refused.get(given);
        if (status === 403) return refusal(403, "DENIED", EXPIRED);
        // Without JSON, as ECR says it.
        if (status === 401) return notAuthorized;
        const answer = await awsApi(state, exchange);
        return answer ?? (state.publicAlias === undefined ? undefined : publicRefusal(exchange, state));
      },
    };
    const registry: StrictRegistry = yield* startStrictRegistry(rules);
    registry.onChange(tell);
    return {
      registry,
      account,
      region,
      authorization: `Basic ${basicOf(USER.password)}`,
      onEvent: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      queue,
      calls: () => state.calls,
      archive: (repository, digest) => {
        state.archived.add(`${repository}@${digest}`);
      },
      refuseTokens: (status) => {
        refused.set(basicOf(password), status);
        password = randomUUID();
        if (options.publicAlias === undefined) registry.configure({ auth: authOf(password) });
      },
      policies: () => state.policies,
      failNext: (operation, exception, status = 400, times = 1) => {
        state.failures.set(operation, { exception, status, times });
      },
    };
  });

const authOf = (password: string): StrictRegistryRules["auth"] => ({
  _tag: "Basic",
  users: [USER, { name: USER.name, password }],
});

const notAuthorized: Answer = {
  ...text(401, "Not Authorized"),
  headers: { "Www-Authenticate": 'Basic realm="https://ecr.example/",service="ecr.amazonaws.com"' },
};

/** The Docker side of ECR Public wants the token as a bearer. Pulls without any are possible at the real one, and here not: nothing of ours does so. */
const publicRefusal = ({ headers, url }: Exchange, { token }: EcrState): Answer | undefined => {
  const plain = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString("base64")}`;
  if (headers.authorization === `Bearer ${token()}` || headers.authorization === plain) return undefined;
  const challenge = `Bearer realm="${url.origin}/token/",service="public.ecr.aws",scope="aws"`;
  return refusal(401, "UNAUTHORIZED", "Not Authorized", undefined, { "Www-Authenticate": challenge });
};
