import { createHash } from "node:crypto";
import { type Answer, type Exchange, json, readBody } from "@drayage/oci-core/testing";
import { type Body, readRequest } from "./aws-wire.ts";
import { batchDelete } from "./batch-delete.ts";
import { apiName, type EcrState, exception, fullName } from "./state.ts";

/** SQS sends it, and its SDK refuses a message without. */
const md5 = (body: string): string => createHash("md5").update(body).digest("hex");

const BODY_BYTES_MAX = 8 * 1024 * 1024;
const PAGE_DEFAULT = 100;

/** `POST /` with `X-Amz-Target` is a call of the AWS API, anything else belongs to the registry. A call must be signed (SigV4). */
export const awsApi = async (state: EcrState, exchange: Exchange): Promise<Answer | undefined> => {
  const target = exchange.headers["x-amz-target"];
  if (exchange.method !== "POST" || typeof target !== "string") return undefined;
  const operation = target.split(".").at(-1) ?? "";
  state.calls.push(operation);
  if (exchange.headers.authorization?.startsWith("AWS4-HMAC-SHA256 ") !== true)
    return exception(403, "MissingAuthenticationTokenException", "the request is not signed");
  const failure = state.failures.get(operation);
  if (failure !== undefined) {
    failure.times -= 1;
    if (failure.times <= 0) state.failures.delete(operation);
    return exception(failure.status, failure.exception, "as the test wants it");
  }
  const isPublic = target.startsWith("SpencerFrontendService.");
  if (isPublic !== (state.publicAlias !== undefined) || (isPublic && !PUBLIC_OPERATIONS.has(operation)))
    return exception(400, "UnknownOperationException", `${target} is not part of this ECR`);
  const body = readRequest(await readBody(exchange, BODY_BYTES_MAX));
  if (body === undefined) return exception(400, "SerializationException", "the body is no JSON");
  const answer = OPERATIONS[operation];
  return answer === undefined
    ? exception(400, "UnknownOperationException", `${operation} is not part of this ECR`)
    : answer(state, body);
};

/** What of the API there is in ECR Public too, as far as we use it. Source: the service model of @aws-sdk/client-ecr-public. */
const PUBLIC_OPERATIONS: ReadonlySet<string> = new Set([
  "GetAuthorizationToken",
  "DescribeRepositories",
  "DescribeImages",
  "CreateRepository",
  "BatchDeleteImage",
]);

type Operation = (state: EcrState, body: Body) => Answer | Promise<Answer>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  GetAuthorizationToken: ({ token, tokenSeconds, publicAlias }) => {
    const data = { authorizationToken: token(), expiresAt: Date.now() / 1000 + tokenSeconds };
    // ECR Public has one, and no list.
    return json(200, { authorizationData: publicAlias === undefined ? [data] : data });
  },
  GetAccountSetting: ({ blobMounting }, { name }) => json(200, { name, value: blobMounting ? "ENABLED" : "DISABLED" }),
  DescribeRepositories: (state, body) =>
    body.repositoryNames === undefined
      ? paged(state.registry().repositories().map(described(state)), body, "repositories")
      : describeNamed(state, body.repositoryNames),
  CreateRepository: (state, { repositoryName = "" }) => {
    const registry = state.registry();
    if (repositoryName.length < 2 || repositoryName !== repositoryName.toLowerCase())
      return exception(400, "InvalidParameterException", `Invalid parameter at 'repositoryName': '${repositoryName}'`);
    const name = fullName(state, repositoryName);
    if (registry.repositories().includes(name)) {
      const message = `The repository with name '${repositoryName}' already exists in the registry with id '${state.account}'`;
      return exception(400, "RepositoryAlreadyExistsException", message);
    }
    registry.createRepository(name);
    return json(200, { repository: described(state)(name) });
  },
  PutLifecyclePolicy: (state, body) =>
    inRepository(state, body, (repositoryName) => {
      state.policies.set(repositoryName, body.lifecyclePolicyText ?? "");
      return json(200, { repositoryName });
    }),
  DescribeImages: (state, body) =>
    inRepository(state, body, (repository) => {
      const registry = state.registry();
      const tags = Map.groupBy(registry.tags(repository), (tag) => registry.manifest(repository, tag)?.digest ?? "");
      const images = registry.manifests(repository).map((imageDigest) => ({
        imageDigest,
        ...(tags.has(imageDigest) ? { imageTags: tags.get(imageDigest) } : {}),
        imageStatus: state.archived.has(`${repository}@${imageDigest}`) ? "ARCHIVED" : "ACTIVE",
      }));
      const all = body.filter?.imageStatus === "ANY";
      return paged(
        images
          .filter(({ imageStatus }) => all || imageStatus === "ACTIVE")
          .filter((image) => body.filter?.tagStatus !== "TAGGED" || "imageTags" in image),
        body,
        "imageDetails",
      );
    }),
  BatchDeleteImage: (state, body) => inRepository(state, body, (repository) => batchDelete(state, repository, body)),
  ReceiveMessage: async ({ queue }, { MaxNumberOfMessages = 1, VisibilityTimeout = 30 }) => {
    const messages = queue.receive(MaxNumberOfMessages, VisibilityTimeout * 1000);
    // Long polling, shortened: a test must not hang on it.
    if (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    return json(200, {
      Messages: messages.map(({ handle, body }) => ({
        MessageId: handle,
        ReceiptHandle: handle,
        Body: body,
        MD5OfBody: md5(body),
      })),
    });
  },
  GetQueueAttributes: ({ account, region }) =>
    json(200, { Attributes: { QueueArn: `arn:aws:sqs:${region}:${account}:events` } }),
  DeleteMessage: ({ queue }, { ReceiptHandle = "" }) => {
    queue.remove(ReceiptHandle);
    return json(200, {});
  },
};

/** One that is missing fails the whole call. */
const describeNamed = (state: EcrState, names: ReadonlyArray<string>): Answer => {
  const missing = names.find((name) => !state.registry().repositories().includes(fullName(state, name)));
  return missing === undefined
    ? json(200, { repositories: names.map((name) => described(state)(fullName(state, name))) })
    : repositoryNotFound(state, missing);
};

const repositoryNotFound = ({ account }: EcrState, name: string): Answer =>
  exception(
    400,
    "RepositoryNotFoundException",
    `The repository with name '${name}' does not exist in the registry with id '${account}'`,
  );

/** A repository by its name at the Docker side. */
const described = (state: EcrState) => (name: string) => {
  const { account, region, isImmutable, publicAlias } = state;
  const repositoryName = apiName(state, name);
  const common = { repositoryName, registryId: account };
  return publicAlias === undefined
    ? {
        ...common,
        imageTagMutability: isImmutable ? "IMMUTABLE" : "MUTABLE",
        repositoryUri: `${account}.dkr.ecr.${region}.amazonaws.com/${name}`,
        repositoryArn: `arn:aws:ecr:${region}:${account}:repository/${name}`,
      }
    : {
        ...common,
        repositoryUri: `public.ecr.aws/${name}`,
        repositoryArn: `arn:aws:ecr-public::${account}:repository/${repositoryName}`,
      };
};

const inRepository = (
  state: EcrState,
  { repositoryName = "" }: Body,
  answer: (repository: string) => Answer,
): Answer =>
  state.registry().repositories().includes(fullName(state, repositoryName))
    ? answer(fullName(state, repositoryName))
    : repositoryNotFound(state, repositoryName);

/** Opaque tokens; the last page has none. */
const paged = (items: ReadonlyArray<unknown>, { maxResults = PAGE_DEFAULT, nextToken }: Body, key: string): Answer => {
  if (maxResults > 1000) return exception(400, "InvalidParameterException", "maxResults must be at most 1000");
  const from = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, "base64url").toString());
  const to = from + maxResults;
  const more = to < items.length ? { nextToken: Buffer.from(String(to)).toString("base64url") } : {};
  return json(200, { [key]: items.slice(from, to), ...more });
};
