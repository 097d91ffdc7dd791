/** The bus over Google Pub/Sub: replicators that need no database, and the control side that answers them. */
export { applyBus, planBus, type Step } from "./apply.ts";
export type { Outgoing, PubSubClient, Received } from "./client.ts";
export { type GoogleOptions, type GooglePubSub, googlePubSubClient, openGooglePubSub } from "./google-client.ts";
export { type BusNames, busNames, type Line } from "./names.ts";
export { openPubSubBus, openPubSubControl, type PubSubPlace } from "./open.ts";
export { makePubSubBus, type PubSubBusOptions } from "./pubsub-bus.ts";
export { type BusResources, type BusSubscription, busResources } from "./resources.ts";
export { type PubSubControlOptions, pubSubControl } from "./run-control.ts";
