import * as Redacted from "effect/Redacted";
import type { RegistryAuth } from "./adapter.ts";
import { answerFailure, causeFailure, failure, type Place } from "./failure.ts";
import type { Http, HttpAnswer, HttpRequest } from "./http.ts";
import { directHeader, IDENTITY_TOKEN_USER, identityKey } from "./identity.ts";
import { readBody } from "./read-body.ts";
import { parseJson, readToken } from "./wire.ts";

/** Token servers answer at once or not at all; a copy must not hang on one. */
const TOKEN_TIMEOUT_MS = 30_000;
/** Tokens with many scopes pass 8 KiB; this is far above any of them. */
const TOKEN_BODY_BYTES_MAX = 256 * 1024;
/** The specification's default for a missing `expires_in`. */
const LIFE_SECONDS_DEFAULT = 60;
/** A token is renewed after this part of its life, so that none expires between check and use. */
const FRESH_PART = 0.75;
/** Tokens kept, least recently used first out: one for each repository and kind of access in use. */
const TOKENS_MAX = 2000;
const CLIENT_ID = "drayage";

/** What a token is asked for, from the challenge and the operation. */
export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  /** `repository:name:pull,push`. In order: some servers honour the first only, so a push target stands first. */
  readonly scopes: ReadonlyArray<string>;
  readonly identity: RegistryAuth;
}

interface Kept {
  readonly token: string;
  /** When it is no longer fresh, by the clock of `now`. */
  readonly staleAt: number;
}

/**
 * Tokens of one registry: kept per (realm, service, scopes, identity) and never shared between identities; concurrent
 * requests for the same token make one call. Errors: `unauthorized` where the server refuses the identity, else `RegistryError` of the answer.
 */
export interface Tokens {
  readonly get: (request: TokenRequest, place: Place) => Promise<string>;
  /** Forgets a token that the registry refused; a newer one under the same key stays. */
  readonly forget: (request: TokenRequest, token: string) => void;
}

/** `now`: a clock in milliseconds that never jumps; `own`: the origin whose words may be quoted. */
export const makeTokens = (http: Pick<Http, "send">, now: () => number): Tokens => {
  const kept = new Map<string, Kept>();
  const underWay = new Map<string, Promise<string>>();

  const keep = (key: string, value: Kept): void => {
    kept.delete(key);
    kept.set(key, value);
    const [oldest] = kept.keys();
    if (kept.size > TOKENS_MAX && oldest !== undefined) kept.delete(oldest);
  };
  return {
    get: (request, place) => {
      const key = keyOf(request);
      const known = kept.get(key);
      if (known !== undefined && now() < known.staleAt) {
        keep(key, known);
        return Promise.resolve(known.token);
      }
      const flying = underWay.get(key);
      if (flying !== undefined) return flying;
      // Not bound to the first caller's interruption: others may be waiting for the same token.
      const asked = now();
      const flight = fetchToken(http, request, place)
        .then(({ token, lifeSeconds }) => {
          // Counted from before the request: `issued_at` would need equal clocks.
          keep(key, { token, staleAt: asked + (lifeSeconds ?? LIFE_SECONDS_DEFAULT) * 1000 * FRESH_PART });
          return token;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, flight);
      return flight;
    },
    forget: (request, token) => {
      const key = keyOf(request);
      if (kept.get(key)?.token === token) kept.delete(key);
    },
  };
};

const keyOf = (request: TokenRequest): string =>
  JSON.stringify([identityKey(request.identity), request.realm.href, request.service, ...request.scopes]);

const fetchToken = async (
  http: Pick<Http, "send">,
  request: TokenRequest,
  place: Place,
): Promise<{ token: string; lifeSeconds: number | undefined }> => {
  const here: Place = { ...place, operation: `${place.operation} (token of ${request.realm.host})` };
  try {
    const answer = await http.send({ ...tokenRequest(request), forToken: true });
    if (answer.status !== 200) throw await refusal(here, answer);
    const read = readToken(parseJson(await readBody(answer.body, TOKEN_BODY_BYTES_MAX)));
    if (read === undefined) throw failure(here, "invalid-response", "the token server's answer holds no token");
    return read;
  } catch (cause) {
    throw causeFailure(here, cause);
  }
};

/** GET with the scopes in the query (all servers), or POST for an identity token, which only that form takes. */
const tokenRequest = (request: TokenRequest): HttpRequest => {
  const { realm, service, scopes, identity } = request;
  const signal = AbortSignal.timeout(TOKEN_TIMEOUT_MS);
  if (identity._tag === "Basic" && identity.username === IDENTITY_TOKEN_USER) {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: CLIENT_ID });
    if (service !== undefined) form.set("service", service);
    form.set("scope", scopes.join(" "));
    form.set("refresh_token", Redacted.value(identity.password));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, headers, body: Buffer.from(form.toString()), signal };
  }
  const url = new URL(realm.href); // a query that is part of the realm stays
  if (service !== undefined) url.searchParams.append("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  url.searchParams.append("client_id", CLIENT_ID);
  const authorization = directHeader(identity);
  return { method: "GET", url, headers: authorization === undefined ? {} : { authorization }, signal };
};

const refusal = async (place: Place, answer: HttpAnswer): Promise<Error> => {
  const error = await answerFailure(place, "ping", answer, true);
  if (error.retryable && error.reason !== "invalid-response") return error;
  // 401 and 403: this identity is not known there. 400 and 404 come for a repository that may not be asked for.
  const reason = answer.status === 401 || answer.status === 403 ? "unauthorized" : "denied";
  return failure(place, reason, `the token server answered ${answer.status}: ${error.detail}`, {
    status: answer.status,
    code: error.code,
    requestId: error.requestId,
  });
};
