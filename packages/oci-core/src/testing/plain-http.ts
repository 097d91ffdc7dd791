import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import { request } from "undici";

export type PlainMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** An answer as it came. */
export interface PlainAnswer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: Buffer;
  /** The code of the first error of a registry. */
  readonly code: string | undefined;
}

/** Asks `path` of the server at `base`, and adds nothing: what the server gets is what the caller says. A broken connection is a defect. */
export const ask = (
  { url }: { readonly url: URL | string },
  method: PlainMethod,
  path: string,
  {
    headers = {},
    body,
  }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Uint8Array } = {},
): Effect.Effect<PlainAnswer> =>
  Effect.promise(async () => {
    const answer = await request(new URL(path, url), { method, headers: { ...headers }, body: body ?? null });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const flat = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]));
    return { status: answer.statusCode, headers: flat, bytes, code: errorCode(flat["content-type"], bytes) };
  });

/** `sha256:` and the hex, by node:crypto alone. */
export const sha256 = (bytes: string | Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const errorCode = (contentType: string | undefined, bytes: Buffer): string | undefined => {
  if (contentType?.startsWith("application/json") !== true || bytes.length === 0) return undefined;
  const document = JSON.parse(bytes.toString()) as { readonly errors?: ReadonlyArray<{ readonly code: string }> };
  return document.errors?.[0]?.code;
};
