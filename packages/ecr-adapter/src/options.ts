import type { NotificationSecrets } from "@drayage/oci-core";

/** What only `type: ecr` has in the configuration. */
export interface EcrOptions {
  /** Twelve digits. For ECR Public: the account that owns the public registry. */
  readonly account: string;
  readonly region: string;
  /** ECR Public: names are `<alias>/<image>`, everything is in us-east-1. */
  readonly isPublic: boolean;
  readonly auth: AwsAuth;
  /** `false`: whoever pushes into a repository that is missing gets an error (or a creation template of the account makes it). */
  readonly createRepositories: CreateRepositories | false;
  readonly secrets: NotificationSecrets;
  /** URL of an SQS queue that an EventBridge rule fills. */
  readonly queue?: URL | undefined;
  /** Instead of the AWS API's own address: an interface endpoint, a test. */
  readonly api?: URL | undefined;
  /** Instead of SQS's own address. */
  readonly queueApi?: URL | undefined;
}

/** The default provider chain of the AWS SDK, and a role to take on with what it finds. */
export interface AwsAuth {
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
}

/** How a repository that we make is set up. An existing one is never changed. */
export interface CreateRepositories {
  readonly immutableTags: boolean;
  readonly scanOnPush: boolean;
  /** ARN, id or alias of a KMS key; AES-256 by ECR itself without one. */
  readonly kmsKey?: string | undefined;
  /** The text of a lifecycle policy. */
  readonly lifecyclePolicy?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}
