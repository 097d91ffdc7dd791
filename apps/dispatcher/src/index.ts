/** The log becomes deliveries: one checkpoint for each target, routes decide. */
export { dispatcher, dispatchRoutes } from "./dispatcher.ts";
export { RESCANS_SUBSCRIBER, targetSubscriber } from "./subscribers.ts";
