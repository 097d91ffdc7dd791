/** For tests and demonstrations: a strict registry in this process, faults, images from a seed, and the suite for clients. */
export { type Answer, type AnswerBody, empty, json, refusal, text } from "./answer.ts";
export type { StrictAction, StrictAuth, StrictUser } from "./auth.ts";
export type { RegistryChange } from "./change.ts";
export type { ContractSubject } from "./contract-support.ts";
export { type Exchange, readBody } from "./exchange.ts";
export type { Fault, FaultAction, FaultHandle, FaultMatch, Faults } from "./faults.ts";
export {
  type ArtefactOptions,
  blobsOf,
  cosignArtefactFor,
  type ImageFixture,
  type ImageFormat,
  type ImageOptions,
  type IndexOptions,
  image,
  index,
  manifestsOf,
  multiPlatform,
  signatureFor,
} from "./images.ts";
export type { DanglingReference, HeldManifest, Inspection } from "./inspect.ts";
export { type BlobFixture, type LayerFixture, layer } from "./layers.ts";
export type { NotificationCounters, NotificationMessage, NotificationOptions, QueuedChange } from "./notifier.ts";
export {
  type Emulator,
  type FoundEmulator,
  findPubSubEmulator,
  pubSubEmulators,
  startPubSubEmulator,
} from "./pubsub-emulator.ts";
export { PushError, type Pushed, type PushOptions, pushImage } from "./push-image.ts";
export { seededBytes, seededNumbers } from "./random.ts";
export { registryContract, type TestRunner } from "./registry-contract.ts";
export type { LoggedRequest, RequestFilter, RequestLog } from "./request-log.ts";
export { type ImmutableRule, type RateRule, STRICT_RULES, type StrictRegistryRules } from "./rules.ts";
export type { Around, Intercept } from "./server.ts";
export { type StrictRegistry, type StrictRegistryOptions, startStrictRegistry } from "./strict-registry.ts";
