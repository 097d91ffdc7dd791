import type { ServerResponse } from "node:http";

/** RFC 9457. Further members are extensions and appear beside these. */
export interface Problem {
  readonly status: number;
  /** The kind, the same for every occurrence. */
  readonly title: string;
  /** What happened here, and what to do. */
  readonly detail?: string | undefined;
  /** A URI of the kind; `about:blank` says that the title is all. */
  readonly type?: string | undefined;
  readonly [extension: string]: unknown;
}

type Headers = Readonly<Record<string, string>>;

/** Answers with a JSON document. Does nothing when the sender has gone or an answer has begun. */
export const answerJson = (response: ServerResponse, status: number, value: unknown, headers: Headers = {}): void =>
  send(response, status, value, { "content-type": "application/json", ...headers });

/** Answers with a problem document (RFC 9457). Does nothing when the sender has gone or an answer has begun. */
export const problem = (response: ServerResponse, document: Problem, headers: Headers = {}): void =>
  send(
    response,
    document.status,
    { type: "about:blank", ...document },
    { "content-type": "application/problem+json", ...headers },
  );

const send = (response: ServerResponse, status: number, value: unknown, headers: Headers): void => {
  if (response.headersSent || response.destroyed) return;
  // A string, so that Node sends it together with the headers in one piece; a buffer is a second one.
  const body = `${JSON.stringify(value)}\n`;
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { "content-length": length, "cache-control": "no-store", ...headers });
  response.end(response.req.method === "HEAD" ? undefined : body);
};
