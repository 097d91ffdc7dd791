import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { Acts } from "./acts.ts";
import { authorize, type Caller, type Gate } from "./authorize.ts";
import { problem } from "./problems.ts";
import type { Reads } from "./reads.ts";
import * as routes from "./routes.ts";
import { serveActs, UnknownTarget } from "./serve-acts.ts";

/** Open event streams: each asks the database once a second, and holds a connection of the server. */
const STREAMS_MOST = 64;
const RETRY_AFTER_SECONDS = "5";

export interface ApiOptions {
  /** Aborted when the server begins to stop: event streams end. */
  readonly closing?: AbortSignal | undefined;
  /** Told of what is a fault of ours. */
  readonly failed?: ((cause: unknown) => void) | undefined;
}

/** The admin API of this version. Every answer is computed from the database; nothing is kept here. */
export const makeApi = (reads: Reads, acts: Acts, gate: Gate, options: ApiOptions = {}): OpenAPIHono => {
  const callers = new WeakMap<Request, Caller>();
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
    const caller = authorize(gate, context.req.header("authorization"));
    if (typeof caller === "string") {
      context.header("www-authenticate", 'Bearer realm="drayage"');
      return problem(context, 401, "Not authorized", caller);
    }
    callers.set(context.req.raw, caller);
    const isAct = answers(app, "POST", context.req.path) && context.req.method === "POST";
    return (isAct ? mayAct(context, caller) : undefined) ?? next();
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
  serveActs(app, acts, ({ req }) => callers.get(req.raw)?.name ?? "unknown");
  serveStream(app, reads, options.closing ?? new AbortController().signal);
  app.get("/metrics", async (context) =>
    context.text(await reads.metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "Drayage admin API", version: "1" } });
  app.notFound((context) => {
    const known = ["GET", "POST"].filter((method) => answers(app, method, context.req.path));
    if (known.length === 0) return problem(context, 404, "Not found", "see /openapi.json for what there is");
    const allowed = known.includes("GET") ? [...known, "HEAD"] : known;
    context.header("allow", allowed.join(", "));
    return problem(context, 405, "Method not allowed", `${context.req.path} answers ${known.join(" and ")}`);
  });
  app.onError((error, context) => {
    if (error instanceof UnknownTarget) return problem(context, 404, "Not found", error.message);
    if (error instanceof HTTPException && error.status === 400)
      return problem(context, 400, "The request is not valid", error.message);
    if (!isUnavailable(error)) {
      options.failed?.(error);
      return problem(context, 500, "Internal error", "This is a fault of Drayage; its log says more.");
    }
    context.header("retry-after", RETRY_AFTER_SECONDS);
    return problem(context, 503, "The database does not answer", error.message);
  });
  return app;
};

/**
 * Why not; undefined: go on. A page of another site can make a browser send us a form, but neither JSON nor our token: what comes with
 * the origin of another site, or not as JSON, changes nothing.
 */
const mayAct = (context: Context, caller: Caller): Response | undefined => {
  const { req } = context;
  if (!caller.mayAct)
    return problem(context, 403, "Forbidden", `the token ${caller.name} has the role viewer, which may only read`);
  const origin = req.header("origin");
  if (origin !== undefined && origin !== `http://${req.header("host")}` && origin !== `https://${req.header("host")}`)
    return problem(context, 403, "Forbidden", "a page of another site may change nothing here");
  return /^application\/json\b/i.test(req.header("content-type") ?? "")
    ? undefined
    : problem(context, 415, "Unsupported media type", "send application/json");
};

/** Whether a method is answered at a path: `:name` in a route stands for one segment. */
const answers = (app: OpenAPIHono, wanted: string, path: string): boolean =>
  app.routes.some(({ method, path: pattern }) => {
    const parts = pattern.split("/");
    const given = path.split("/");
    return (
      method === wanted &&
      parts.length === given.length &&
      parts.every((part, n) => part.startsWith(":") || part === given[n])
    );
  });

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
