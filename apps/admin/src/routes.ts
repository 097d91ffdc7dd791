import { createRoute, z } from "@hono/zod-openapi";
import {
  DeliveryPage,
  DeliveryQuery,
  EventPage,
  EventQuery,
  ImageList,
  ImageQuery,
  Problem,
  RescanList,
  StreamHeaders,
  StreamQuery,
  TargetList,
} from "./wire.ts";

export const json = <S>(schema: S, description: string) => ({
  description,
  content: { "application/json": { schema } },
});
export const refused = {
  400: { description: "The request is not valid", content: { "application/problem+json": { schema: Problem } } },
  401: { description: "No token, or a wrong one", content: { "application/problem+json": { schema: Problem } } },
  403: {
    description: "Without tokens only this machine is answered, under its own name",
    content: { "application/problem+json": { schema: Problem } },
  },
  503: { description: "The database does not answer", content: { "application/problem+json": { schema: Problem } } },
};
const security = [{ bearer: [] }];

export const targets = createRoute({
  method: "get",
  path: "/api/v1/targets",
  summary: "Every target: state, lag, backlog",
  security,
  responses: { 200: json(TargetList, "All targets of the configuration"), ...refused },
});
export const deliveries = createRoute({
  method: "get",
  path: "/api/v1/deliveries",
  summary: "Deliveries, a page at a time",
  security,
  request: { query: DeliveryQuery },
  responses: { 200: json(DeliveryPage, "A page, in the order of ids"), ...refused },
});
export const events = createRoute({
  method: "get",
  path: "/api/v1/events",
  summary: "The log",
  security,
  request: { query: EventQuery },
  responses: { 200: json(EventPage, "Ascending by position"), ...refused },
});
export const eventStream = createRoute({
  method: "get",
  path: "/api/v1/events/stream",
  summary: "The log as it grows, as server-sent events",
  description:
    "The id of each is its position, its data an `Event`. A comment is a heartbeat. It ends when the server stops.",
  security,
  request: { query: StreamQuery, headers: StreamHeaders },
  responses: {
    200: {
      description: "Ascending by position, without end",
      content: { "text/event-stream": { schema: z.string() } },
    },
    ...refused,
  },
});
export const rescans = createRoute({
  method: "get",
  path: "/api/v1/rescans",
  summary: "Source repositories that wait to be looked through as a whole",
  security,
  responses: { 200: json(RescanList, "Oldest first"), ...refused },
});
export const images = createRoute({
  method: "get",
  path: "/api/v1/images",
  summary: "Where an image is",
  security,
  request: { query: ImageQuery },
  responses: { 200: json(ImageList, "Its deliveries, all targets"), ...refused },
});
