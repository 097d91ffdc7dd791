import type { Examine, Finding, RegistryError, RegistryUse } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import { type EcrApi, TOKEN_CALL } from "./api.ts";
import type { EcrOptions } from "./options.ts";

/** What of the options the words depend on. */
type Looked = Pick<EcrOptions, "account" | "createRepositories" | "isPublic">;

/**
 * What only AWS can tell: whether there are credentials and they give a token, whether the API may be asked, and whether the repositories that are
 * written exist and let tags move. Changes nothing; that we may create and delete shows only by doing it. `queue` tells how a queue is.
 */
export const examineEcr =
  (registry: string, api: EcrApi, options: Looked, queue: Effect.Effect<ReadonlyArray<Finding>>): Examine =>
  (use) =>
    Effect.gen(function* () {
      const refused = yield* lookAtToken(registry, api, options);
      // Without credentials every other question has the same answer.
      if (refused !== undefined) return [refused];
      const repositories = yield* Effect.all([lookAtReads(api, use), lookAtWrites(api, options, use)]);
      return [...repositories.flat(), ...(use.isSource ? yield* queue : [])];
    });

const lookAtToken = (registry: string, api: EcrApi, { isPublic }: Looked): Effect.Effect<Finding | undefined> =>
  Effect.match(
    api.call(TOKEN_CALL, registry, (calls, signal) => calls.token(signal)),
    { onSuccess: () => undefined, onFailure: (error) => tokenFinding(error, isPublic) },
  );

const tokenFinding = (error: RegistryError, isPublic: boolean): Finding => {
  switch (error.reason) {
    case "denied":
      return finding(
        "auth",
        `AWS knows us and gives no token for the registry ${said(error)}`,
        isPublic
          ? "Allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on *"
          : "Allow ecr:GetAuthorizationToken on *",
      );
    case "unauthorized":
      return finding(
        "auth",
        error.code === "CredentialsProviderError"
          ? `the default provider chain of AWS finds no credentials ${said(error)}`
          : `AWS refuses the credentials ${said(error)}`,
        "Give the process credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, web identity, a role of the machine), renew what has expired, or correct `auth`",
      );
    case "network":
    case "stalled":
      return finding(
        "api",
        `the API of AWS cannot be reached ${said(error)}`,
        "Look at `region`, name server, proxy and firewall (dray doctor --egress), or give an interface endpoint in `api`",
      );
    case "rate-limited":
    case "unavailable":
      return finding("api", `the API of AWS does not work now ${said(error)}`, "Try again later", "unknown");
    default:
      return finding("api", `the API of AWS gives no token ${said(error)}`, "Look at `account`, `region` and `api`");
  }
};

/** Every repository is listed by DescribeImages when sides are compared. */
const lookAtReads = (api: EcrApi, { reads }: RegistryUse): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.map(
    Effect.forEach(reads, (repository) =>
      Effect.match(
        api.call("DescribeImages", repository, (calls, signal) => calls.images(repository, undefined, signal)),
        {
          onSuccess: () => [],
          // What is missing or does not answer is told with the pull that doctor tries.
          onFailure: (error) =>
            error.reason === "denied"
              ? [
                  finding(
                    "auth",
                    `${repository} may not be listed, so each of its tags is asked for by itself ${said(error)}`,
                    "Allow ecr:DescribeImages on it",
                    "warning",
                  ),
                ]
              : [],
        },
      ),
    ),
    (all) => all.flat(),
  );

const lookAtWrites = (api: EcrApi, options: Looked, { writes }: RegistryUse): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.map(
    Effect.forEach(writes, (repository) =>
      Effect.match(
        api.call("DescribeRepositories", repository, (calls, signal) => calls.repository(repository, signal)),
        {
          onSuccess: ({ isImmutable }) => (isImmutable ? [immutable(repository)] : []),
          onFailure: (error) => writeFindings(error, repository, options),
        },
      ),
    ),
    (all) => all.flat(),
  );

const writeFindings = (
  error: RegistryError,
  repository: RepositoryName,
  { account, createRepositories, isPublic }: Looked,
): ReadonlyArray<Finding> => {
  const service = isPublic ? "ecr-public" : "ecr";
  if (error.reason === "denied")
    return [
      finding(
        "auth",
        `whether ${repository} exists may not be asked ${said(error)}`,
        `Allow ${service}:DescribeRepositories${createRepositories === false ? "" : ` and ${service}:CreateRepository`}`,
        "warning",
      ),
    ];
  if (error.reason !== "repository-unknown")
    return [finding("api", `whether ${repository} exists could not be asked ${said(error)}`, "Try again", "unknown")];
  return createRepositories === false
    ? [
        finding(
          "createRepositories",
          `${repository} does not exist in ${account}, and none is made: a push into it fails, but for a creation template of the account`,
          "Create the repository, or remove `createRepositories: false`",
        ),
      ]
    : [];
};

const immutable = (repository: RepositoryName): Finding => ({
  severity: "note",
  key: "",
  what: `tags of ${repository} cannot be moved: one that moves at the source is parked as a conflict`,
});

const finding = (key: string, what: string, mend: string, severity: Finding["severity"] = "error"): Finding => ({
  severity,
  key,
  what,
  mend,
});

const said = ({ code, detail }: RegistryError): string => `(${code === undefined ? "" : `${code}: `}${detail})`;
