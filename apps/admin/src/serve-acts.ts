import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as routes from "./act-routes.ts";
import type { Acts } from "./acts.ts";
import { problem } from "./problems.ts";

/** A thousand ids and a reason are 30 KB. */
const BODY_BYTES_MAX = 64 * 1024;

/** A target that no route has. */
export class UnknownTarget extends Error {
  override readonly name = "UnknownTarget";
}

/** What changes something. Who may is decided before (`api.ts`). */
export const serveActs = (app: OpenAPIHono, acts: Acts, actorOf: (context: Context) => string): void => {
  const by = (context: Context, why: string | undefined) => ({
    actor: `user:${actorOf(context)}`,
    why: why ?? "asked for through the API",
  });
  const known = (target: string | undefined): void => {
    if (target !== undefined && !acts.isTarget(target)) throw new UnknownTarget(`no route has the target ${target}`);
  };
  app.use(
    "/api/*",
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: (context) => problem(context, 413, "Too large", `a body may have ${BODY_BYTES_MAX} bytes`),
    }),
  );
  app.openapi(routes.pause, async (context) => {
    const { target } = context.req.valid("param");
    known(target);
    const changed = await acts.pause(target, by(context, context.req.valid("json").why));
    return context.json({ target, paused: true, changed }, 200);
  });
  app.openapi(routes.resume, async (context) => {
    const { target } = context.req.valid("param");
    known(target);
    const changed = await acts.resume(target, by(context, context.req.valid("json").why));
    return context.json({ target, paused: false, changed }, 200);
  });
  app.openapi(routes.retry, async (context) => {
    const { why, ...which } = context.req.valid("json");
    known(which.target);
    return context.json({ deliveries: [...(await acts.retry(which, by(context, why)))] }, 200);
  });
  app.openapi(routes.discard, async (context) => {
    const { why, ...which } = context.req.valid("json");
    known(which.target);
    return context.json({ deliveries: [...(await acts.discard(which, by(context, why)))] }, 200);
  });
  app.openapi(routes.replay, async (context) => {
    const { target, after, since, depth, why } = context.req.valid("json");
    known(target);
    const from = since === undefined ? (after ?? 0) : new Date(since);
    return context.json({ target, ...(await acts.replay({ target, from, depth }, by(context, why))) }, 200);
  });
};
