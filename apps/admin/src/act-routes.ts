import { createRoute } from "@hono/zod-openapi";
import { json, refused } from "./routes.ts";
import {
  DiscardBody,
  ParkedChange,
  Paused,
  Problem,
  ReplayAnswer,
  ReplayBody,
  RetryBody,
  TargetParam,
  WhyBody,
} from "./wire.ts";

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: Problem } },
});
const refusals = {
  ...refused,
  403: problem("The token's role may only read; without tokens, only this machine is answered, under its own name"),
  404: problem("No route has this target"),
  413: problem("The body is too large"),
  415: problem("The body is not application/json"),
};
const security = [{ bearer: [] }];
const body = <S>(schema: S) => ({ required: true, content: { "application/json": { schema } } });

export const pause = createRoute({
  method: "post",
  path: "/api/v1/targets/{target}/pause",
  summary: "Begin no new work at a target; what is being worked on is finished",
  security,
  request: { params: TargetParam, body: body(WhyBody) },
  responses: { 200: json(Paused, "It is paused; `changed` is false where it was before"), ...refusals },
});
export const resume = createRoute({
  method: "post",
  path: "/api/v1/targets/{target}/resume",
  summary: "Go on at a target that was paused",
  security,
  request: { params: TargetParam, body: body(WhyBody) },
  responses: { 200: json(Paused, "It is not paused; `changed` is false where it was not before"), ...refusals },
});
export const retry = createRoute({
  method: "post",
  path: "/api/v1/deliveries/retry",
  summary: "Try parked deliveries again: the ones named, of one target, or all",
  security,
  request: { body: body(RetryBody) },
  responses: { 200: json(ParkedChange, "Those that were parked, and are pending now"), ...refusals },
});
export const discard = createRoute({
  method: "post",
  path: "/api/v1/deliveries/discard",
  summary: "Give parked deliveries up: the ones named, or of one target",
  description: "News from the source ask again, and so does a reconciliation for as long as the two sides differ.",
  security,
  request: { body: body(DiscardBody) },
  responses: { 200: json(ParkedChange, "Those that were parked, and rest now"), ...refusals },
});
export const replay = createRoute({
  method: "post",
  path: "/api/v1/replays",
  summary: "Look again at all that was asked of a target since a log position or a time, parked deliveries too",
  security,
  request: { body: body(ReplayBody) },
  responses: { 200: json(ReplayAnswer, "It is in the log, and the dispatcher acts on it"), ...refusals },
});
