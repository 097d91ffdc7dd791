/** For tests of this package and of whoever implements or uses a `DeliveryBus`. */
export { deliveryBusContract } from "./bus-contract.ts";
export { askAgain, holdDeliveries, loseConnections, refuseTags, renameDeliveries } from "./faults.ts";
export type { BusFixture, MakeFixture, RowView } from "./fixture.ts";
export { type FakeSubscription, type InProcessPubSub, makeInProcessPubSub } from "./in-process-pubsub.ts";
export * from "./samples.ts";
