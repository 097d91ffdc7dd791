import type { RegistryAuth } from "./adapter.ts";
import { realmRefusal, realmSiteRefusal } from "./addresses.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { RegistryError } from "./errors.ts";
import { failure, type Place } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";
import { directHeader } from "./identity.ts";
import type { TokenRequest, Tokens } from "./token.ts";

/** Scopes that a registry names differently than we do are remembered; more than these are asked for again. */
const RENAMED_SCOPES_MAX = 1000;

/** How the registry wants to be convinced, learnt from its challenges. */
type Manner =
  /** Not asked yet. */
  | { readonly _tag: "Unknown" }
  /** It answered without a challenge, or wants Basic: credentials go with the request. */
  | { readonly _tag: "Direct" }
  | {
      readonly _tag: "Token";
      readonly realm: URL;
      readonly service: string | undefined;
      /** Why only anonymous tokens may be asked for there. */
      readonly refusal: string | undefined;
    }
  /** Its realm must not get our credentials; the registry itself may. */
  | { readonly _tag: "UnsafeRealm"; readonly detail: string };

/** One request, as far as its authorisation matters. */
export interface Transmission {
  readonly place: Place;
  readonly scopes: ReadonlyArray<string>;
  /** Tried in order, so that a password can be rotated without a gap. An empty list is anonymous. */
  readonly identities: ReadonlyArray<RegistryAuth>;
  /** Whether it can be sent a second time: false once a streamed body has been used up. */
  readonly replayable: boolean;
  /** `identity`: who it is sent as, for what is proven by a header of its own. */
  readonly send: (authorization: string | undefined, identity: RegistryAuth) => Promise<HttpAnswer>;
}

export interface Authorizer {
  /** Sends with what the registry wants to see; a 401 is answered once by what its challenge asks for. The answer may still be 401. */
  readonly transmit: (transmission: Transmission) => Promise<HttpAnswer>;
}

export interface AuthorizerOptions {
  readonly registry: URL;
  readonly tokens: Tokens;
  /** Hosts of other sites that may get the credentials, see `ConnectSettings`. */
  readonly realms?: ReadonlyArray<string> | undefined;
  /** `GET /v2/` without credentials, for its challenge. */
  readonly ping: (place: Place) => Promise<HttpAnswer>;
}

const ANONYMOUS: RegistryAuth = { _tag: "Anonymous" };

/** What is sent with a request, and the token in it, if there is one. */
interface Proof {
  readonly header: string | undefined;
  readonly token?: { readonly request: TokenRequest; readonly value: string } | undefined;
}

/** The Basic and Bearer flows of one registry. Source: distribution token specification. */
export const makeAuthorizer = (options: AuthorizerOptions): Authorizer => {
  const { registry, tokens } = options;
  const renamed = new Map<string, ReadonlyArray<string>>();
  let manner: Manner = { _tag: "Unknown" };
  let preferred = 0;
  let pinging: Promise<void> | undefined;

  const learn = (answer: HttpAnswer): ReadonlyArray<Challenge> => {
    const challenges = parseChallenges(answer.headers("www-authenticate"));
    const learnt = mannerOf(challenges, registry, options.realms);
    if (learnt !== undefined) manner = learnt;
    return challenges;
  };

  /** Standard clients ask `/v2/` first: what is sent to a registry that wants a token would be refused, or served as anonymous. */
  const ping = (place: Place): Promise<void> => {
    pinging ??= options
      .ping(place)
      .then((answer) => {
        if (answer.status === 401) learn(answer);
        answer.release();
        if (manner._tag === "Unknown" && answer.status < 500 && answer.status !== 429) manner = { _tag: "Direct" };
      })
      .finally(() => {
        pinging = undefined;
      });
    return pinging;
  };

  /** What needs no question first: most requests, and one step less for each of them. */
  const proveAtOnce = (identity: RegistryAuth): Proof | undefined => {
    const asksFirst = manner._tag === "Token" || (manner._tag === "Unknown" && identity._tag === "Basic");
    return isDirect(identity) || !asksFirst ? { header: directHeader(identity) } : undefined;
  };

  const prove = async (identity: RegistryAuth, scopes: ReadonlyArray<string>, place: Place): Promise<Proof> => {
    if (isDirect(identity)) return { header: directHeader(identity) };
    if (manner._tag === "Unknown" && identity._tag === "Basic") await ping(place);
    if (manner._tag !== "Token") return { header: directHeader(identity) };
    if (manner.refusal !== undefined && identity._tag !== "Anonymous")
      throw failure(place, "unsafe-location", manner.refusal);
    const request = { realm: manner.realm, service: manner.service, scopes, identity };
    const value = await tokens.get(request, place);
    return { header: `Bearer ${value}`, token: { request, value } };
  };

  /** One identity's try, with a second request where the first was answered by a challenge that it can meet. */
  const transmitAs = async (identity: RegistryAuth, transmission: Transmission): Promise<HttpAnswer> => {
    const { place, send } = transmission;
    const wanted = transmission.scopes.join(" ");
    const first = proveAtOnce(identity) ?? (await prove(identity, renamed.get(wanted) ?? transmission.scopes, place));
    const answer = await send(first.header, identity);
    if (answer.status !== 401) return answer;
    if (first.token !== undefined) tokens.forget(first.token.request, first.token.value);
    const challenges = learn(answer);
    if (!transmission.replayable || isDirect(identity)) return answer;
    const scopes = challengedScopes(challenges) ?? transmission.scopes;
    if (renamed.size < RENAMED_SCOPES_MAX && scopes.join(" ") !== wanted) renamed.set(wanted, scopes);
    // Artifact Registry refuses a wrong credential without any challenge: ask what it wants.
    if (challenges.length === 0 && first.token === undefined) await ping(place);
    if (manner._tag === "UnsafeRealm" && (first.token !== undefined || first.header === directHeader(identity))) {
      answer.release();
      throw failure(place, "unsafe-location", manner.detail, { status: answer.status });
    }
    const second = await prove(identity, scopes, place);
    if (second.header === first.header) return answer;
    answer.release();
    const again = await send(second.header, identity);
    if (again.status === 401 && second.token !== undefined) tokens.forget(second.token.request, second.token.value);
    return again;
  };

  return {
    transmit: async (transmission) => {
      const identities = transmission.identities.length === 0 ? [ANONYMOUS] : transmission.identities;
      for (let turn = 0; ; turn++) {
        const index = (preferred + turn) % identities.length;
        const last = turn === identities.length - 1 || !transmission.replayable;
        try {
          const answer = await transmitAs(identities[index] ?? ANONYMOUS, transmission);
          if (answer.status !== 401) preferred = index;
          if (answer.status !== 401 || last) return answer;
          answer.release();
        } catch (error) {
          // The token server does not know this identity: the next one may be the rotated one.
          if (last || !(error instanceof RegistryError && error.reason === "unauthorized")) throw error;
        }
      }
    },
  };
};

/** What is sent as it is, and never exchanged for a token. */
const isDirect = ({ _tag }: RegistryAuth): boolean => _tag === "Bearer" || _tag === "Header";

/** Bearer before Basic: a token is narrower and shorter-lived. `undefined` where no challenge is one that we can meet. */
const mannerOf = (
  challenges: ReadonlyArray<Challenge>,
  registry: URL,
  realms: ReadonlyArray<string> | undefined,
): Manner | undefined => {
  const basic: Manner | undefined = challenges.some(({ scheme }) => scheme === "basic")
    ? { _tag: "Direct" }
    : undefined;
  const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"));
  if (bearer === undefined) return basic;
  const written = bearer.parameters.get("realm") ?? "";
  const realm = URL.parse(written);
  const refusal = realm === null ? "it is no URL" : realmRefusal(realm, registry);
  if (realm === null || refusal !== undefined) {
    const where = realm === null ? written.slice(0, 100) : `${realm.protocol}//${realm.host}`;
    return (
      basic ?? { _tag: "UnsafeRealm", detail: `the token realm ${where} is refused: ${refusal ?? "it is no URL"}` }
    );
  }
  const elsewhere = realmSiteRefusal(realm, registry, realms);
  if (elsewhere !== undefined && basic !== undefined) return basic;
  const refused = elsewhere && `the token realm ${realm.host} must not get our credentials: ${elsewhere}`;
  return { _tag: "Token", realm, service: bearer.parameters.get("service"), refusal: refused };
};

/** The scopes that a challenge asks for, separated by spaces; `undefined` where it names none. */
const challengedScopes = (challenges: ReadonlyArray<Challenge>): ReadonlyArray<string> | undefined => {
  const scope = challenges.find(({ scheme }) => scheme === "bearer")?.parameters.get("scope");
  const scopes = scope?.split(" ").filter((part) => part !== "") ?? [];
  return scopes.length === 0 ? undefined : scopes;
};
