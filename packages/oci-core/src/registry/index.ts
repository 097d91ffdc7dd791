/** The distribution client: one interface for every registry, and what differs between them as data. */
export type { Adapter, RegistryAuth, RegistrySettings } from "./adapter.ts";
export { type Api, type ApiCall, openApi } from "./api.ts";
export { classify, type Topic } from "./classify.ts";
export { type ConnectSettings, connectRegistry, makeLimits, type SharedLimits } from "./client.ts";
export { DockerConfigError, type DockerConfigOptions, dockerConfigAuth } from "./docker-config.ts";
export { ensuringRepository } from "./ensuring-repository.ts";
export { RegistryError, type RegistryReason } from "./errors.ts";
export type { Examine, Finding, OutboundHost, RegistryUse } from "./examination.ts";
export type { Observation } from "./http.ts";
export { MANIFEST_WRITE_TIMEOUT_MS } from "./manifests.ts";
export type { NetworkSettings, TlsSettings } from "./network.ts";
export {
  type Deliver,
  type Delivered,
  type Incoming,
  type Notification,
  type NotificationListener,
  type NotificationReader,
  type NotificationRequest,
  type NotificationSecrets,
  type ParsedNotifications,
  proofOf,
  type Receipt,
} from "./notification.ts";
export { Pace } from "./pace.ts";
export { type Renewable, reauthenticating, reauthenticatingApi } from "./reauthenticating.ts";
export type {
  AbsenceMeans,
  BlobBody,
  FoundContent,
  ListedTag,
  NativePromotion,
  Registry,
  RegistryPowers,
  Resolved,
  UploadStart,
} from "./registry.ts";
export { type Renaming, renamed } from "./renamed.ts";
export { knowsSecret, signedWithSecret } from "./secret.ts";
export { type RegistryTraits, STANDARD_TRAITS } from "./traits.ts";
export { type VerifiedStream, verified } from "./verify.ts";
