import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { RegistryAuth, RegistrySettings } from "./adapter.ts";
import type { RegistryError, RegistryReason } from "./errors.ts";
import { answerFailure, causeFailure, failure, type Place } from "./failure.ts";
import type { HttpAnswer, HttpRequest } from "./http.ts";
import { directHeader, keyHeader } from "./identity.ts";
import { type Limiter, makeLimiter } from "./limit.ts";
import { makeHttp } from "./make-http.ts";
import { readBody } from "./read-body.ts";
import { retried } from "./retry.ts";
import { sharedPace } from "./shared-pace.ts";
import { parseJson } from "./wire.ts";

/** A page of a listing by a vendor's API. Larger answers are asked for in pages. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Searches of a vendor's database take longer than any request of the distribution API. */
const ANSWER_TIMEOUT_MS = 120_000;
const USER_AGENT = "drayage";

/** One request to a vendor's own API. */
export interface ApiCall<A> {
  /** For errors: what is tried, e.g. `POST search/aql`, and on what. */
  readonly operation: string;
  readonly reference: string;
  readonly method: HttpRequest["method"];
  /** Below the base of the API, with its query, already encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A text goes as it is (`content-type` among the headers), anything else as JSON. */
  readonly body?: unknown;
  /** Statuses that are a success beside 200 to 204. `read` gets them too. */
  readonly accept?: ReadonlyArray<number> | undefined;
  /** Whether it may be sent again after a hiccup. Default: for GET and HEAD. */
  readonly repeatable?: boolean | undefined;
  /** Most bytes of the answer; default 64 MiB. */
  readonly bytesMax?: number | undefined;
  /** The meaning of the answer, from its JSON (`undefined` for an empty body); `undefined` where it is not what it should be. */
  readonly read: (document: unknown, answer: ApiAnswer) => A | undefined;
}

/** What of an answer is known beside its body. */
export interface ApiAnswer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
}

/** JSON over HTTP with the credentials, limits and errors of a registry: for what vendors offer beside the distribution API. */
export interface Api {
  readonly call: <A>(call: ApiCall<A>) => Effect.Effect<A, RegistryError>;
}

/** What `openApi` needs of a registry's settings; `url` is the base of the API and may have a path. */
export interface ApiSettings extends Pick<RegistrySettings, "name" | "url" | "auth" | "network" | "observe"> {
  /** Headers that prove an identity, where `Authorization` is not the way. Default: `Basic` or `Bearer` as they are, without an exchange. */
  readonly prove?: ((auth: RegistryAuth) => Readonly<Record<string, string>>) | undefined;
  /** A quota that is shared with others of this process, registries among them (`ConnectSettings.quota`). Default: no limit of our own. */
  readonly quota?: { readonly name: string; readonly requestsPerSecond: number | undefined } | undefined;
}

/** Calls of one API in flight, where a quota is shared: listings are few and long, copies must get their turn. */
const QUOTA_CONCURRENCY = 8;

/**
 * Opens a vendor's API until the scope closes. Credentials go to the host of `url` and nowhere else: redirects are refused. Identities are tried in order
 * where one is not known (401).
 */
export const openApi = (settings: ApiSettings): Effect.Effect<Api, never, Scope.Scope> =>
  Effect.map(
    Effect.all([
      Effect.acquireRelease(
        Effect.sync(() => makeHttp(settings.url, USER_AGENT, settings.observe, settings.network)),
        (open) => Effect.promise(() => open.close()),
      ),
      limiterOf(settings.quota),
    ]),
    ([http, limiter]) => {
      const prove = settings.prove ?? proveDirectly;
      const auth = Effect.isEffect(settings.auth) ? settings.auth : Effect.succeed(settings.auth);

      const once = <A>(call: ApiCall<A>, identity: RegistryAuth): Effect.Effect<A, RegistryError> => {
        const place: Place = { registry: settings.name, operation: call.operation, reference: call.reference };
        return Effect.tryPromise({
          try: async (signal) => {
            const { body, headers } = bodyOf(call);
            const answer = await http.send({
              method: call.method,
              url: below(settings.url, call.path),
              headers: { accept: "application/json", ...headers, ...call.headers, ...prove(identity) },
              body,
              signal,
              answerTimeoutMs: ANSWER_TIMEOUT_MS,
            });
            try {
              return await readAnswer(call, place, answer);
            } finally {
              answer.release();
            }
          },
          catch: (cause) => causeFailure(place, cause),
        });
      };

      const tried = <A>(
        call: ApiCall<A>,
        [first = { _tag: "Anonymous" }, ...others]: ReadonlyArray<RegistryAuth>,
      ): Effect.Effect<A, RegistryError> =>
        others.reduce(
          (before, next) =>
            Effect.catchIf(
              before,
              (error) => error.reason === "unauthorized",
              () => once(call, next),
            ),
          once(call, first),
        );

      return {
        call: (call) => {
          const repeatable = call.repeatable ?? (call.method === "GET" || call.method === "HEAD");
          const unlimited = Effect.flatMap(auth, (identities) => tried(call, identities));
          const request = limiter === undefined ? unlimited : limiter.run(unlimited);
          return repeatable ? retried(request) : request;
        },
      };
    },
  );

const limiterOf = (quota: ApiSettings["quota"]): Effect.Effect<Limiter | undefined, never, Scope.Scope> =>
  quota === undefined
    ? Effect.succeed(undefined)
    : Effect.map(sharedPace(quota.name, quota.requestsPerSecond), (pace) =>
        makeLimiter(QUOTA_CONCURRENCY, quota.requestsPerSecond, pace),
      );

const proveDirectly = (auth: RegistryAuth): Readonly<Record<string, string>> => {
  const authorization = directHeader(auth);
  return authorization === undefined ? keyHeader(auth) : { authorization };
};

const below = (base: URL, path: string): URL => {
  const url = new URL(base.href);
  const [name = "", query = ""] = path.split("?", 2);
  url.pathname = `${base.pathname.replace(/\/+$/, "")}/${name.replace(/^\/+/, "")}`;
  url.search = query;
  url.hash = "";
  return url;
};

const bodyOf = ({
  body,
}: Pick<ApiCall<unknown>, "body">): { body?: Uint8Array; headers: Readonly<Record<string, string>> } => {
  if (body === undefined) return { headers: {} };
  if (typeof body === "string") return { body: Buffer.from(body), headers: {} };
  return { body: Buffer.from(JSON.stringify(body)), headers: { "content-type": "application/json" } };
};

const readAnswer = async <A>(call: ApiCall<A>, place: Place, answer: HttpAnswer): Promise<A> => {
  const { status, header } = answer;
  const isSuccess = (status >= 200 && status <= 204) || call.accept?.includes(status) === true;
  if (!isSuccess) throw await refusalOf(place, answer);
  const bytes = await readBody(answer.body, call.bytesMax ?? ANSWER_BYTES_MAX);
  const document = bytes.byteLength === 0 ? undefined : parseJson(bytes);
  const isJson = bytes.byteLength === 0 || document !== undefined;
  const meaning =
    isJson || call.accept?.includes(status) === true ? call.read(document, { status, header }) : undefined;
  if (meaning === undefined)
    throw failure(place, "invalid-response", "the answer is not what this API is documented to send", { status });
  return meaning;
};

/** A 404 of a vendor's API has no registry code and still means that the thing is not there; a redirect is never followed. */
const refusalOf = async (place: Place, answer: HttpAnswer): Promise<RegistryError> => {
  if (answer.status >= 300 && answer.status < 400)
    return failure(place, "unsafe-location", "the API answered with a redirect, which would carry credentials away", {
      status: answer.status,
    });
  const error = await answerFailure(place, "ping", answer, true);
  const reason: RegistryReason = answer.status === 404 ? "not-found" : error.reason;
  const { status, code, retryAfterMs, requestId } = error;
  return reason === error.reason
    ? error
    : failure(place, reason, error.detail, { status, code, retryAfterMs, requestId });
};
