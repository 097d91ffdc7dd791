import { RegistryError, type RegistryReason } from "@drayage/oci-core";

/** Where an AWS call happens. */
export interface Place {
  readonly registry: string;
  readonly operation: string;
  readonly reference: string;
}

/** By the name of the exception, since statuses mislead: throttling is a 400. Source: facts/ecr.md 3.1, 3.2. */
const BY_NAME: Readonly<Record<string, RegistryReason>> = {
  RepositoryNotFoundException: "repository-unknown",
  RegistryNotFoundException: "repository-unknown",
  ImageNotFoundException: "not-found",
  QueueDoesNotExist: "not-found",
  AccessDeniedException: "denied",
  AccessDenied: "denied",
  KmsException: "denied",
  // A quota of the account (repositories, images): waiting does not help, its owner must raise it.
  LimitExceededException: "denied",
  UnrecognizedClientException: "unauthorized",
  InvalidSignatureException: "unauthorized",
  IncompleteSignature: "unauthorized",
  InvalidClientTokenId: "unauthorized",
  ExpiredTokenException: "unauthorized",
  ExpiredToken: "unauthorized",
  CredentialsProviderError: "unauthorized",
  TokenProviderError: "unauthorized",
  ThrottlingException: "rate-limited",
  TooManyRequestsException: "rate-limited",
  RequestThrottled: "rate-limited",
  InvalidParameterException: "invalid-request",
  InvalidTagParameterException: "invalid-request",
  TooManyTagsException: "invalid-request",
  ValidationException: "invalid-request",
  ServerException: "unavailable",
  InternalFailure: "unavailable",
  ServiceUnavailable: "unavailable",
  TimeoutError: "stalled",
};

const DETAIL_LENGTH_MAX = 500;

/** What the AWS SDK threw, as the error of a registry. The request id is kept for a support ticket. */
export const awsError = (place: Place, cause: unknown): RegistryError => {
  if (cause instanceof RegistryError) return cause;
  const name = cause instanceof Error ? cause.name : "";
  const text = cause instanceof Error ? cause.message : String(cause);
  const { httpStatusCode: status, requestId } = metadataOf(cause);
  const reason = BY_NAME[name] ?? byStatus(status);
  return new RegistryError({
    ...place,
    reason,
    detail: (text === "" ? name : text).replace(/\s+/g, " ").slice(0, DETAIL_LENGTH_MAX),
    status,
    code: name === "" ? undefined : name,
    requestId,
    cause,
  });
};

const byStatus = (status: number | undefined): RegistryReason => {
  if (status === undefined) return "network";
  if (status >= 500) return "unavailable";
  if (status === 429) return "rate-limited";
  if (status === 403) return "denied";
  return status >= 400 ? "invalid-request" : "invalid-response";
};

interface Metadata {
  readonly httpStatusCode?: number;
  readonly requestId?: string;
}

const metadataOf = (cause: unknown): Metadata => {
  const held = cause instanceof Error && "$metadata" in cause ? cause.$metadata : undefined;
  return typeof held === "object" && held !== null ? held : {};
};
