import type { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import type { RegistryAuth } from "./adapter.ts";
import { foreignRefusal } from "./addresses.ts";
import { type Authorizer, makeAuthorizer } from "./auth.ts";
import type { Topic } from "./classify.ts";
import type { RegistryError } from "./errors.ts";
import { answerFailure, causeFailure, failure, type Place } from "./failure.ts";
import type { Http, HttpAnswer, HttpRequest } from "./http.ts";
import { keyHeader } from "./identity.ts";
import { Interruption, type InterruptionSignal, platformSignal } from "./interruption.ts";
import type { Limiter } from "./limit.ts";
import { type Following, followRedirects, isRedirect } from "./redirect.ts";
import { makeTokens } from "./token.ts";

/** One request to a registry, before credentials. */
export interface Call {
  /** For errors: what is tried, e.g. `GET manifest`, and on what. */
  readonly operation: string;
  readonly reference: string;
  readonly topic: Topic;
  readonly method: HttpRequest["method"];
  readonly url: URL;
  readonly scopes: ReadonlyArray<string>;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Readable | Uint8Array | undefined;
  readonly following?: Following | undefined;
  readonly answerTimeoutMs?: number | undefined;
}

/** What a reader of an answer gets besides: the error that the answer means, and where we are. */
export interface Context {
  readonly place: Place;
  readonly fail: (answer: HttpAnswer) => Promise<RegistryError>;
}

type Read<A> = (answer: HttpAnswer, context: Context) => Promise<A>;

/** Sends calls with credentials, under the limits of the registry. It retries nothing: `retried` does, around it. */
export interface Exchange {
  /** Name of the registry, for errors. */
  readonly name: string;
  /** Sends, and reads the answer; what the reader leaves of the body is thrown away. */
  readonly call: <A>(call: Call, read: Read<A>) => Effect.Effect<A, RegistryError>;
  /** The same for a body that is read later: the permit is held until `release`, which the reader must arrange to be called. */
  readonly open: <A>(
    call: Call,
    read: (answer: HttpAnswer, context: Context, release: () => void) => Promise<A>,
  ) => Effect.Effect<A, RegistryError>;
}

/** Fixed, or to be asked for. */
export type Identities = ReadonlyArray<RegistryAuth> | ((signal: AbortSignal) => Promise<ReadonlyArray<RegistryAuth>>);

export interface ExchangeOptions {
  readonly name: string;
  /** Base of the API, without `/v2/`. */
  readonly url: URL;
  /** Who we are; a function where that has to be asked for again with each request. Rejects with `RegistryError`. */
  readonly auth: Identities;
  readonly realms?: ReadonlyArray<string> | undefined;
  readonly http: Http;
  readonly limiter: Limiter;
}

export const makeExchange = ({ name, url: registry, auth, realms, http, limiter }: ExchangeOptions): Exchange => {
  const authorizer: Authorizer = makeAuthorizer({
    registry,
    realms,
    tokens: makeTokens(http, () => performance.now()),
    ping: () =>
      http.send({
        method: "GET",
        url: apiUrl(registry, ""),
        headers: {},
        signal: AbortSignal.timeout(PING_TIMEOUT_MS),
      }),
  });

  const send = async (
    call: Call,
    identities: ReadonlyArray<RegistryAuth>,
    signal: InterruptionSignal,
  ): Promise<HttpAnswer> => {
    const place = placeOf(name, call);
    const { method, body, answerTimeoutMs } = call;
    const transmit = (
      url: URL,
      authorization: string | undefined,
      own: Readonly<Record<string, string>>,
    ): Promise<HttpAnswer> => {
      const headers = { ...call.headers, ...own, ...(authorization === undefined ? {} : { authorization }) };
      return http.send({ method, url, headers, body, signal, answerTimeoutMs });
    };
    const hop = (url: URL, own: boolean): Promise<HttpAnswer> =>
      own
        ? authorizer.transmit({
            place,
            identities,
            scopes: call.scopes,
            replayable: body === undefined || body instanceof Uint8Array,
            send: (authorization, identity) => transmit(url, authorization, keyHeader(identity)),
          })
        : transmit(url, undefined, {});

    const own = call.url.origin === registry.origin;
    const refusal = own ? undefined : foreignRefusal(call.url, registry);
    if (refusal !== undefined)
      throw failure(place, "unsafe-location", `${call.url.protocol}//${call.url.host} is refused: ${refusal}`);
    const first = await hop(call.url, own);
    const following = call.following ?? "nowhere";
    if (following === "nowhere" || !isRedirect(first)) return first;
    return await followRedirects(first, { following, registry, place, send: hop });
  };

  /**
   * One request as one step of an effect, since there are thousands of them: it enters, sends, and hands the answer to `read`, which may keep
   * `leave` for later. Interruption aborts it.
   */
  const attempt = <A>(
    call: Call,
    kind: "request" | "read",
    read: (answer: HttpAnswer, context: Context, leave: () => void) => Promise<A>,
  ): Effect.Effect<A, RegistryError> =>
    Effect.callback((resume) => {
      const place = placeOf(name, call);
      const context: Context = {
        place,
        fail: (answer) => answerFailure(place, call.topic, answer, answer.url.origin === registry.origin),
      };
      const interruption = new Interruption();
      let give: (() => void) | undefined;
      const leave = (): void => give?.();
      const run = async (): Promise<A> => {
        const identities = typeof auth === "function" ? await auth(platformSignal(interruption)) : auth;
        return await read(await send(call, identities, interruption), context, leave);
      };
      const succeed = (value: A): void => {
        if (kind === "request") leave();
        resume(Effect.succeed(value));
      };
      const fail = (cause: unknown): void => {
        const error = causeFailure(place, cause);
        limiter.failed(error);
        leave();
        resume(Effect.fail(error));
      };
      give = limiter.enter(kind, () => void run().then(succeed, fail));
      return Effect.sync(() => {
        interruption.abort();
        leave();
      });
    });

  return {
    name,
    call: (call, read) =>
      attempt(call, "request", async (answer, context) => {
        try {
          return await read(answer, context);
        } finally {
          answer.release();
        }
      }),
    // A body that came too late for whoever asked is nobody's: the reader's own watch closes it.
    open: (call, read) => attempt(call, "read", read),
  };
};

const PING_TIMEOUT_MS = 30_000;

const placeOf = (registry: string, call: Call): Place => ({
  registry,
  operation: call.operation,
  reference: call.reference,
});

/** `/v2/` and what follows, below the path that the registry's URL may have. Names and digests went through their grammar: nothing is encoded. */
export const apiUrl = (registry: URL, path: string, query: Readonly<Record<string, string>> = {}): URL => {
  const search = Object.entries(query)
    .map(([key, value]) => `${key}=${value}`)
    .join("&");
  return new URL(`${prefixOf(registry)}${path}${search === "" ? "" : `?${search}`}`);
};

/** Each change of a `URL` reads all of it again, and there is one for every request. */
const prefixes = new WeakMap<URL, string>();
const prefixOf = (registry: URL): string => {
  const known = prefixes.get(registry);
  if (known !== undefined) return known;
  const prefix = `${registry.origin}${registry.pathname.replace(/\/+$/, "")}/v2/`;
  prefixes.set(registry, prefix);
  return prefix;
};

/** Scope of a token: `repository:name:actions`. Source: distribution token specification, "Resource scope grammar". */
export const repositoryScope = (
  repository: string,
  actions: "pull" | "pull,push" | "pull,push,delete" | "delete",
): string => `repository:${repository}:${actions}`;
