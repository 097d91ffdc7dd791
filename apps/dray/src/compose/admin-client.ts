import { isIPv6 } from "node:net";
import type { Reads } from "@drayage/admin";
import type { Listen } from "@drayage/config";
import { request } from "undici";
import { unable } from "../cli-error.ts";
import type { Looks } from "./reads.ts";

/** A server on this machine that does not answer within this is not there. */
const PROBE_MS = 1_000;
/** Longest wait for an answer. */
const ANSWER_MS = 30_000;
/** Of a body that is no answer of ours: enough to recognise whose it is. */
const SHOWN_CHARACTERS = 300;

/** Where the admin API of this configuration answers, if it does. */
export const findAdmin = async ({ host, port }: Listen): Promise<string | undefined> => {
  const base = `http://${nameOf(host)}:${port}`;
  const there = await request(`${base}/healthz`, { signal: AbortSignal.timeout(PROBE_MS) }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode === 200;
    },
    () => false,
  );
  return there ? base : undefined;
};

/** A server that listens everywhere is asked over loopback. */
const nameOf = (host: string): string => {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return isIPv6(host) ? `[${host}]` : host;
};

/** The reads of the admin API. Reject with what a person is told. */
export const adminReads = (base: string, token: string | undefined): Looks => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const get = async <A>(path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<A> => {
    const url = new URL(path, base);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const { statusCode, body } = await request(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(
      (cause: Error) => {
        throw unable(`the admin API at ${base} does not answer any more: ${cause.message}`);
      },
    );
    if (statusCode === 200) return (await body.json()) as A; // our own API, documented at /openapi.json
    throw refused(base, statusCode, await body.text(), token !== undefined);
  };
  return {
    targets: async () => (await get<{ targets: Awaited<ReturnType<Reads["targets"]>> }>("/api/v1/targets", {})).targets,
    deliveries: async ({ target, state, repository, tag, after, limit }) => {
      const query = { target, state, repository, tag, after, limit };
      return (await get<{ deliveries: Awaited<ReturnType<Reads["deliveries"]>> }>("/api/v1/deliveries", query))
        .deliveries;
    },
    events: ({ after, since, limit, types }) =>
      get("/api/v1/events", { after, since: since?.toISOString(), limit, type: types?.join(",") }),
  };
};

const refused = (base: string, status: number, text: string, withToken: boolean) => {
  if (status === 401) {
    return withToken
      ? unable(`the admin API at ${base} does not know the token in DRAYAGE_TOKEN`, "its hash must be in admin.tokens")
      : unable(`the admin API at ${base} wants a token`, "set DRAYAGE_TOKEN to one of admin.tokens");
  }
  return unable(`the admin API at ${base} answered ${status}: ${text.slice(0, SHOWN_CHARACTERS)}`);
};
