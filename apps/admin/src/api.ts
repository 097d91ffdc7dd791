import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { authorize, type Gate } from "./authorize.ts";
import type { Reads } from "./reads.ts";
import {
  DeliveryPage,
  DeliveryQuery,
  EventPage,
  EventQuery,
  ImageList,
  ImageQuery,
  Problem,
  TargetList,
} from "./wire.ts";

const json = <S>(schema: S, description: string) => ({ description, content: { "application/json": { schema } } });
const refused = {
  400: { description: "The request is not valid", content: { "application/problem+json": { schema: Problem } } },
  401: { description: "No token, or a wrong one", content: { "application/problem+json": { schema: Problem } } },
  503: { description: "The database does not answer", content: { "application/problem+json": { schema: Problem } } },
};
const security = [{ bearer: [] }];

const targets = createRoute({
  method: "get",
  path: "/api/v1/targets",
  summary: "Every target: state, lag, backlog",
  security,
  responses: { 200: json(TargetList, "All targets of the configuration"), ...refused },
});
const deliveries = createRoute({
  method: "get",
  path: "/api/v1/deliveries",
  summary: "Deliveries, a page at a time",
  security,
  request: { query: DeliveryQuery },
  responses: { 200: json(DeliveryPage, "A page, in the order of ids"), ...refused },
});
const events = createRoute({
  method: "get",
  path: "/api/v1/events",
  summary: "The log",
  security,
  request: { query: EventQuery },
  responses: { 200: json(EventPage, "Ascending by position"), ...refused },
});
const images = createRoute({
  method: "get",
  path: "/api/v1/images",
  summary: "Where an image is",
  security,
  request: { query: ImageQuery },
  responses: { 200: json(ImageList, "Its deliveries, all targets"), ...refused },
});

const problem = (context: Context, status: 400 | 401 | 403 | 404 | 503, title: string, detail?: string): Response =>
  context.body(JSON.stringify({ type: "about:blank", title, status, detail }), status, {
    "content-type": "application/problem+json",
  });

/** The admin API of this version: reads. Every answer is computed from the database; nothing is kept here. */
export const makeApi = (reads: Reads, gate: Gate): OpenAPIHono => {
  const app = new OpenAPIHono({
    defaultHook: (result, context) =>
      result.success
        ? undefined
        : problem(
            context,
            400,
            "The request is not valid",
            result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "),
          ),
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.use("*", async (context, next) => {
    const refusal = authorize(gate, context.req.header("authorization"));
    if (refusal === undefined) return next();
    context.header("www-authenticate", 'Bearer realm="drayage"');
    return problem(context, 401, "Not authorized", refusal);
  });
  app.openapi(targets, async (context) => context.json({ targets: [...(await reads.targets())] }, 200));
  app.openapi(deliveries, async (context) => {
    const query = context.req.valid("query");
    const page = await reads.deliveries(query);
    const next = page.length === query.limit ? page.at(-1)?.delivery : undefined;
    return context.json({ deliveries: [...page], next }, 200);
  });
  app.openapi(events, async (context) => {
    const { after, since, limit, type } = context.req.valid("query");
    const page = await reads.events({
      after,
      since: since === undefined ? undefined : new Date(since),
      limit,
      types: type?.split(","),
    });
    return context.json({ events: [...page.events], head: page.head }, 200);
  });
  app.openapi(images, async (context) => {
    const { repository, tag } = context.req.valid("query");
    return context.json({ deliveries: [...(await reads.image(repository, tag))] }, 200);
  });
  app.get("/metrics", async (context) =>
    context.text(await reads.metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "Drayage admin API", version: "1" } });
  app.notFound((context) => problem(context, 404, "Not found", "see /openapi.json for what there is"));
  app.onError((error, context) => problem(context, 503, "The database does not answer", error.message));
  return app;
};
