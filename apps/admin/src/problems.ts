import type { Context } from "hono";

/** Answers with a problem document (RFC 9457), and the headers that were set before. */
export const problem = (
  context: Context,
  status: 400 | 401 | 403 | 404 | 405 | 413 | 415 | 500 | 503,
  title: string,
  detail: string,
): Response =>
  context.body(JSON.stringify({ type: "about:blank", title, status, detail }), status, {
    "content-type": "application/problem+json",
  });
