/** What Drayage decides: plain functions over events, routes and deliveries. No clock, no I/O, no randomness: they are arguments. */
export * from "./check-route.ts";
export * from "./collisions.ts";
export * from "./decide.ts";
export * from "./delivery.ts";
export * from "./drift.ts";
export { isEcho } from "./echo.ts";
export * from "./event.ts";
export { BACKFILL_PRIORITY_MAX, type FanOut, fanOut } from "./fan-out.ts";
export * from "./guard.ts";
export type { Json, JsonObject } from "./json.ts";
export { compileGlobs, globsProblem, type Matcher, matchesAny, tagSelectionProblem } from "./match.ts";
export { eventOf, type SourceNotification } from "./notification.ts";
export * from "./retry.ts";
export * from "./route.ts";
export {
  type CompiledRoute,
  type CompiledRoutes,
  compileRoutes,
  explainTag,
  type Mapping,
  mapTag,
  mapTo,
  onlyTarget,
  type RegistryLookup,
  selectsRepository,
  type Unmappable,
} from "./select.ts";
export { subjectOf } from "./subject.ts";
export * from "./target-state.ts";
export { PLACEHOLDERS, type Placeholder, parseTemplate, type Template, type TemplateProblem } from "./template.ts";
export { isWithin, parseWindow, type Window, windowText } from "./window.ts";
export {
  decodeEvent,
  type EncodedEvent,
  EVENT_TYPES,
  encodeEvent,
  type InvalidEvent,
  type UnknownEvent,
} from "./wire.ts";
export { workPolicyOf } from "./work-policy.ts";
