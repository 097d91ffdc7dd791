import { OpenAPIHono } from "@hono/zod-openapi";
import { authorize, type Gate } from "./authorize.ts";
import { problem } from "./problems.ts";
import type { Reads } from "./reads.ts";
import * as routes from "./routes.ts";

/** Open event streams: each asks the database once a second, and holds a connection of the server. */
const STREAMS_MOST = 64;
const RETRY_AFTER_SECONDS = "5";

export interface ApiOptions {
  /** Aborted when the server begins to stop: event streams end. */
  readonly closing?: AbortSignal | undefined;
  /** Told of what is a fault of ours. */
  readonly failed?: ((cause: unknown) => void) | undefined;
}

/** The admin API of this version: reads. Every answer is computed from the database; nothing is kept here. */
export const makeApi = (reads: Reads, gate: Gate, options: ApiOptions = {}): OpenAPIHono => {
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
    context.header("cache-control", "no-store");
    const refusal = authorize(gate, context.req.header("authorization"));
    if (refusal === undefined) return next();
    context.header("www-authenticate", 'Bearer realm="drayage"');
    return problem(context, 401, "Not authorized", refusal);
  });
  app.openapi(routes.targets, async (context) => context.json({ targets: [...(await reads.targets())] }, 200));
  app.openapi(routes.deliveries, async (context) => {
    const query = context.req.valid("query");
    const page = await reads.deliveries(query);
    const next = page.length === query.limit ? page.at(-1)?.delivery : undefined;
    return context.json({ deliveries: [...page], next }, 200);
  });
  app.openapi(routes.events, async (context) => {
    const { after, since, limit, type } = context.req.valid("query");
    const page = await reads.events({
      after,
      since: since === undefined ? undefined : new Date(since),
      limit,
      types: listOf(type),
    });
    return context.json({ events: [...page.events], head: page.head }, 200);
  });
  app.openapi(routes.rescans, async (context) => context.json({ rescans: [...(await reads.rescans())] }, 200));
  app.openapi(routes.images, async (context) => {
    const { repository, tag } = context.req.valid("query");
    return context.json({ deliveries: [...(await reads.image(repository, tag))] }, 200);
  });
  serveStream(app, reads, options.closing ?? new AbortController().signal);
  app.get("/metrics", async (context) =>
    context.text(await reads.metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "Drayage admin API", version: "1" } });
  app.notFound((context) => {
    const isKnown = app.routes.some(({ method, path }) => method === "GET" && path === context.req.path);
    if (!isKnown) return problem(context, 404, "Not found", "see /openapi.json for what there is");
    context.header("allow", "GET, HEAD");
    return problem(context, 405, "Method not allowed", `${context.req.path} answers GET`);
  });
  app.onError((error, context) => {
    if (!isUnavailable(error)) {
      options.failed?.(error);
      return problem(context, 500, "Internal error", "This is a fault of Drayage; its log says more.");
    }
    context.header("retry-after", RETRY_AFTER_SECONDS);
    return problem(context, 503, "The database does not answer", error.message);
  });
  return app;
};

const serveStream = (app: OpenAPIHono, reads: Reads, closing: AbortSignal): void => {
  let open = 0;
  app.openapi(routes.eventStream, async (context) => {
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
    if (context.req.method === "HEAD") return new Response(null, { headers });
    if (open >= STREAMS_MOST) {
      context.header("retry-after", RETRY_AFTER_SECONDS);
      return problem(context, 503, "Too many streams", `${open} are open, and no more are allowed at once`);
    }
    const query = context.req.valid("query");
    const after = context.req.valid("header")["last-event-id"] ?? query.after;
    const onEnd = (): void => {
      open -= 1;
    };
    open += 1;
    try {
      const stream = await reads.follow({ after, types: listOf(query.type), onEnd }, closing);
      return new Response(stream, { headers });
    } catch (cause) {
      onEnd(); // it never began
      throw cause;
    }
  });
};

const listOf = (text: string | undefined): ReadonlyArray<string> | undefined => {
  const types = text?.split(",").map((type) => type.trim());
  return types?.filter((type) => type !== "");
};

/** What our database says, and nothing else, is for the caller to wait for. */
const isUnavailable = (error: Error): boolean =>
  "_tag" in error && (error._tag === "DatabaseError" || error._tag === "LogUnavailable");
