import { type Answer, type Exchange, empty, json, readBody } from "@drayage/oci-core/testing";
import { restRefusal } from "./access.ts";

/** A webhook subscription with a predefined handler. Source: facts/artifactory.md 1.2. */
export interface Subscription {
  readonly key: string;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly event_filter: {
    readonly domain: string;
    readonly event_types: ReadonlyArray<string>;
    readonly criteria: {
      readonly anyLocal?: boolean | undefined;
      readonly anyRemote?: boolean | undefined;
      readonly anyFederated?: boolean | undefined;
      readonly repoKeys?: ReadonlyArray<string> | undefined;
      readonly includePatterns?: ReadonlyArray<string> | undefined;
      readonly excludePatterns?: ReadonlyArray<string> | undefined;
    };
  };
  readonly handlers: ReadonlyArray<{
    readonly handler_type: string;
    readonly url: string;
    readonly secret?: string | undefined;
    readonly use_secret_for_signing?: boolean | undefined;
    readonly proxy?: string | undefined;
    readonly custom_http_headers?: ReadonlyArray<{ readonly name: string; readonly value: string }> | undefined;
  }>;
}

const BASE = "/event/api/v1/subscriptions";
const BODY_BYTES_MAX = 256 * 1024;
/** How a secret reads that is kept: sent back, it stays what it is. */
const SEALED = "aes:sealed:";

const EVENT_TYPES: Readonly<Record<string, ReadonlyArray<string>>> = {
  docker: ["pushed", "deleted", "promoted"],
  artifact: ["deployed", "deleted", "moved", "copied", "cached"],
  artifact_property: ["added", "deleted"],
};

export interface Subscriptions {
  readonly all: () => ReadonlyArray<Subscription>;
  readonly put: (subscription: Subscription) => void;
  /** Answers the Event API; `undefined` for every other path. */
  readonly answer: (exchange: Exchange) => Promise<Answer | undefined>;
}

export const makeSubscriptions = (given: ReadonlyArray<Subscription>): Subscriptions => {
  const held = new Map(given.map((one) => [one.key, one]));

  const save = (key: string, next: Subscription): void => {
    const [before] = held.get(key)?.handlers ?? [];
    const handlers = next.handlers.map((handler) =>
      handler.secret?.startsWith(SEALED) === true ? { ...handler, secret: before?.secret } : handler,
    );
    held.set(key, { ...next, key, handlers });
  };

  return {
    all: () => [...held.values()],
    put: (one) => save(one.key, one),
    answer: async (exchange) => {
      const { method, headers, url } = exchange;
      if (!url.pathname.startsWith(BASE)) return undefined;
      // The one API that takes no passwords.
      if (headers.authorization?.startsWith("Bearer ") !== true) return restRefusal(403, "Forbidden");
      const key = decodeURIComponent(url.pathname.slice(BASE.length + 1));
      const known = held.get(key);
      if (key === "" && method === "GET") return json(200, [...held.values()].map(sealed));
      if (key === "" && method === "POST") {
        const next = await read(exchange);
        if (typeof next === "string") return restRefusal(400, next);
        if (held.has(next.key)) return restRefusal(400, `subscription ${next.key} exists`);
        save(next.key, next);
        return json(201, sealed(next));
      }
      if (known === undefined) return restRefusal(404, `subscription ${key} not found`);
      if (method === "GET") return json(200, sealed(known));
      if (method === "PUT") {
        const next = await read(exchange, key);
        if (typeof next === "string") return restRefusal(400, next);
        save(key, next);
        return empty(204);
      }
      if (method !== "DELETE") return restRefusal(405, "Method Not Allowed");
      held.delete(key);
      return empty(204);
    },
  };
};

const sealed = (one: Subscription): Subscription => ({
  ...one,
  handlers: one.handlers.map((handler) =>
    handler.secret === undefined ? handler : { ...handler, secret: `${SEALED}${handler.secret.length}` },
  ),
});

/** A subscription, or why it is none. `key`: of the path, which the body must not have. */
const read = async (exchange: Exchange, key?: string): Promise<Subscription | string> => {
  const body = await readBody(exchange, BODY_BYTES_MAX);
  const given = JSON.parse(Buffer.from(body ?? new Uint8Array()).toString()) as Partial<Subscription>;
  if (key !== undefined && given.key !== undefined) return "key: is in the path";
  const name = key ?? given.key ?? "";
  const { event_filter: filter, handlers = [] } = given;
  if (!/^[a-zA-Z][a-zA-Z0-9_-]{1,199}$/.test(name)) return `key: ${name} is not valid`;
  const types = EVENT_TYPES[filter?.domain ?? ""];
  if (filter === undefined || types === undefined) return "event_filter.domain: is not known";
  if (filter.event_types.length === 0 || filter.event_types.some((type) => !types.includes(type)))
    return "event_filter.event_types: not of this domain";
  const { anyLocal, anyRemote, anyFederated, repoKeys = [] } = filter.criteria;
  if (anyLocal !== true && anyRemote !== true && anyFederated !== true && repoKeys.length === 0)
    return "event_filter.criteria: selects no repository";
  if (handlers.length !== 1) return "handlers: exactly one is needed";
  if (handlers[0]?.handler_type !== "webhook") return "handlers: only predefined ones are known here";
  return { ...given, key: name, event_filter: filter, handlers };
};

/** Whether an event of a stored key is for this subscription. `enabled` is off when it is not said. */
export const selects = (
  { enabled, event_filter: { domain, event_types, criteria } }: Subscription,
  event: {
    readonly domain: string;
    readonly event: string;
    readonly key: string;
    readonly kind: string;
    readonly path: string;
  },
): boolean => {
  if (enabled !== true || domain !== event.domain || !event_types.includes(event.event)) return false;
  const any =
    (criteria.anyLocal === true && event.kind === "local") ||
    (criteria.anyFederated === true && event.kind === "federated") ||
    (criteria.anyRemote === true && event.kind === "remote");
  if (!any && criteria.repoKeys?.includes(event.key) !== true) return false;
  const { includePatterns = [], excludePatterns = [] } = criteria;
  const matches = (pattern: string): boolean => antPattern(pattern).test(event.path);
  return (includePatterns.length === 0 || includePatterns.some(matches)) && !excludePatterns.some(matches);
};

const antPattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split("**")
      .map((part) => part.replace(/[.+^${}()|[\]\\?]/g, "\\$&").replaceAll("*", "[^/]*"))
      .join(".*")}$`,
  );
