import { type Answer, json, type RegistryChange, type StrictRegistry } from "@drayage/oci-core/testing";
import type { TestQueue } from "./queue.ts";

/** What the AWS API of this ECR knows. */
export interface EcrState {
  readonly account: string;
  readonly region: string;
  /** What GetAuthorizationToken gives now. */
  readonly token: () => string;
  /** ECR Public: what all names at the Docker side begin with, which its API does not say. */
  readonly publicAlias: string | undefined;
  readonly tokenSeconds: number;
  readonly blobMounting: boolean;
  readonly isImmutable: boolean;
  /** Lifecycle policies by repository. */
  readonly policies: Map<string, string>;
  /** `repository@digest` */
  readonly archived: Set<string>;
  readonly calls: Array<string>;
  readonly failures: Map<string, { readonly exception: string; readonly status: number; times: number }>;
  readonly queue: TestQueue;
  readonly registry: () => StrictRegistry;
  /** Makes the event of a change. */
  readonly tell: (change: Omit<RegistryChange, "by">) => void;
}

/** The name at the Docker side of what the API calls so. */
export const fullName = ({ publicAlias }: EcrState, name: string): string =>
  publicAlias === undefined ? name : `${publicAlias}/${name}`;

/** What the API calls a name of the Docker side. */
export const apiName = ({ publicAlias }: EcrState, name: string): string =>
  publicAlias === undefined ? name : name.slice(publicAlias.length + 1);

export const exception = (status: number, name: string, message: string): Answer =>
  json(status, { __type: name, message }, { "x-amzn-RequestId": "11111111-2222-3333-4444-555555555555" });
