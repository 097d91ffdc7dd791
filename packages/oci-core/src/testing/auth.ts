import { randomBytes, timingSafeEqual } from "node:crypto";
import { type Answer, json, refusal } from "./answer.ts";
import { type Exchange, readBody } from "./exchange.ts";

export type StrictAction = "pull" | "push" | "delete";

/** Somebody who may sign in. */
export interface StrictUser {
  readonly name: string;
  readonly password: string;
  /** What the user may do; absent: everything. A repository gets the actions of all grants that match it. */
  readonly grants?:
    | ReadonlyArray<{ readonly repositories: RegExp; readonly actions: ReadonlyArray<StrictAction> }>
    | undefined;
}

/** How the registry asks who somebody is. */
export type StrictAuth =
  | { readonly _tag: "Anonymous" }
  | { readonly _tag: "Basic"; readonly users: ReadonlyArray<StrictUser> }
  | {
      readonly _tag: "Token";
      readonly users: ReadonlyArray<StrictUser>;
      /** Life of a token in seconds. Default 300, as Docker Hub. */
      readonly ttlSeconds?: number | undefined;
      /** Default `strict-registry`. */
      readonly service?: string | undefined;
      /** What a token without credentials allows. Default `none`. */
      readonly anonymous?: "none" | "pull" | undefined;
    };

/** A thing and what is to be done with it, as in `repository:team/web:pull,push`. */
export interface Scope {
  readonly type: "repository" | "registry";
  readonly name: string;
  readonly actions: ReadonlyArray<string>;
}

export type Authorized =
  | { readonly _tag: "Allowed"; readonly user: string | undefined }
  | { readonly _tag: "Refused"; readonly answer: Answer };

/** Decides who may do what; keeps the tokens that it gave. */
export interface Authority {
  readonly authorize: (exchange: Exchange, scopes: ReadonlyArray<Scope>) => Authorized;
  /** The token endpoint: GET, and POST with a password or a refresh token. Source: distribution token specification. */
  readonly issue: (exchange: Exchange) => Promise<Answer>;
  readonly issued: () => number;
  /** A token for everything and without end, for tools that fill the registry beside the client under test. Not counted. */
  readonly masterToken: () => string;
  /** Makes every token invalid, as a restart of a token server with a new key does. */
  readonly revokeTokens: () => void;
}

interface Token {
  readonly user: string | undefined;
  readonly granted: ReadonlyArray<Scope> | "everything";
  readonly expiresAt: number;
}

const TTL_SECONDS_DEFAULT = 300;
/** A token request is a short form; more is a mistake. */
const TOKEN_FORM_BYTES_MAX = 64 * 1024;
export const TOKEN_PATH = "/token";

export const makeAuthority = (auth: () => StrictAuth): Authority => {
  const tokens = new Map<string, Token>();
  const refreshTokens = new Map<string, StrictUser>();
  let issued = 0;

  const issue = async (exchange: Exchange): Promise<Answer> => {
    const mode = auth();
    if (mode._tag !== "Token") return refusal(404, "UNSUPPORTED", "this registry gives no tokens");
    const form = exchange.method === "POST" ? await readBody(exchange, TOKEN_FORM_BYTES_MAX) : new Uint8Array(0);
    if (form === undefined) return refusal(413, "UNSUPPORTED", "form too large");
    const asked =
      exchange.method === "POST" ? new URLSearchParams(Buffer.from(form).toString()) : exchange.url.searchParams;
    const user =
      exchange.method === "POST"
        ? fromForm(mode.users, refreshTokens, asked)
        : fromHeader(mode.users, exchange.headers.authorization);
    if (user === "wrong") return refusal(401, "UNAUTHORIZED", "wrong user name or password");
    if (user === undefined && mode.anonymous !== "pull") return refusal(401, "UNAUTHORIZED", "credentials are needed");
    const scopes = asked.getAll("scope").flatMap((text) => text.split(" ").flatMap(parseScope));
    const granted = scopes.map((scope) => ({
      ...scope,
      actions: scope.actions.filter((action) => mayDo(user, scope, action)),
    }));
    const ttlSeconds = mode.ttlSeconds ?? TTL_SECONDS_DEFAULT;
    const token = randomBytes(24).toString("base64url");
    tokens.set(token, { user: user?.name, granted, expiresAt: Date.now() + ttlSeconds * 1000 });
    issued += 1;
    const offline = asked.get("offline_token") === "true" || asked.get("access_type") === "offline";
    const refreshToken = offline && user !== undefined ? randomBytes(24).toString("base64url") : undefined;
    if (refreshToken !== undefined && user !== undefined) refreshTokens.set(refreshToken, user);
    const names = { access_token: token, ...(exchange.method === "POST" ? {} : { token }) };
    const issuedAt = new Date().toISOString();
    return json(200, { ...names, expires_in: ttlSeconds, issued_at: issuedAt, refresh_token: refreshToken });
  };

  const authorize = (exchange: Exchange, scopes: ReadonlyArray<Scope>): Authorized => {
    const mode = auth();
    if (mode._tag === "Anonymous") return { _tag: "Allowed", user: undefined };
    if (mode._tag === "Basic") {
      const user = fromHeader(mode.users, exchange.headers.authorization);
      if (user === undefined || user === "wrong") return unauthorized('Basic realm="strict-registry"', scopes);
      const denied = scopes.some((scope) => scope.actions.some((action) => !mayDo(user, scope, action)));
      if (!denied) return { _tag: "Allowed", user: user.name };
      return { _tag: "Refused", answer: refusal(403, "DENIED", "requested access to the resource is denied", scopes) };
    }
    const realm = new URL(TOKEN_PATH, exchange.url).href;
    const wanted = scopes.length === 0 ? "" : `,scope="${scopes.map(formatScope).join(" ")}"`;
    const challenge = `Bearer realm="${realm}",service="${mode.service ?? "strict-registry"}"${wanted}`;
    const [, text] = /^Bearer (.+)$/i.exec(exchange.headers.authorization ?? "") ?? [];
    if (text === undefined) return unauthorized(challenge, scopes);
    const token = tokens.get(text);
    if (token === undefined || token.expiresAt <= Date.now())
      return unauthorized(`${challenge},error="invalid_token"`, scopes);
    if (scopes.every((scope) => covers(token, scope))) return { _tag: "Allowed", user: token.user };
    return unauthorized(`${challenge},error="insufficient_scope"`, scopes);
  };

  return {
    authorize,
    issue,
    issued: () => issued,
    masterToken: () => {
      const token = randomBytes(24).toString("base64url");
      tokens.set(token, { user: undefined, granted: "everything", expiresAt: Number.POSITIVE_INFINITY });
      return token;
    },
    revokeTokens: () => tokens.clear(),
  };
};

const unauthorized = (challenge: string, scopes: ReadonlyArray<Scope>): Authorized => ({
  _tag: "Refused",
  answer: refusal(401, "UNAUTHORIZED", "authentication required", scopes, { "WWW-Authenticate": challenge }),
});

type Identified = StrictUser | "wrong" | undefined;

const fromHeader = (users: ReadonlyArray<StrictUser>, header: string | undefined): Identified => {
  if (header === undefined) return undefined;
  const [, encoded = ""] = /^Basic (.+)$/i.exec(header) ?? [];
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? "wrong" : byPassword(users, text.slice(0, colon), text.slice(colon + 1));
};

const fromForm = (
  users: ReadonlyArray<StrictUser>,
  refreshTokens: ReadonlyMap<string, StrictUser>,
  form: URLSearchParams,
): Identified => {
  if (form.get("grant_type") === "refresh_token") return refreshTokens.get(form.get("refresh_token") ?? "") ?? "wrong";
  return byPassword(users, form.get("username") ?? "", form.get("password") ?? "");
};

/** Several users of one name are several passwords of one user, as during a rotation. */
const byPassword = (users: ReadonlyArray<StrictUser>, name: string, password: string): Identified =>
  users.find((user) => user.name === name && sameText(user.password, password)) ?? "wrong";

const sameText = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
};

/** The name may hold one `:` (a port), so the first and the last colon count. */
const parseScope = (text: string): ReadonlyArray<Scope> => {
  const [, type, name, actions] = /^(repository|registry)(?:\([a-z]+\))?:(.+):([a-z*,]*)$/.exec(text) ?? [];
  if (name === undefined || actions === undefined) return [];
  return [{ type: type === "registry" ? "registry" : "repository", name, actions: actions.split(",") }];
};

const formatScope = ({ type, name, actions }: Scope): string => `${type}:${name}:${actions.join(",")}`;

const mayDo = (user: StrictUser | undefined, scope: Scope, action: string): boolean => {
  if (user === undefined) return scope.type === "repository" && action === "pull";
  if (user.grants === undefined) return true;
  return (
    scope.type === "repository" &&
    user.grants.some((grant) => grant.repositories.test(scope.name) && grant.actions.some((one) => one === action))
  );
};

const covers = ({ granted }: Token, wanted: Scope): boolean =>
  granted === "everything" ||
  wanted.actions.every((action) =>
    granted.some(
      ({ type, name, actions }) =>
        type === wanted.type && name === wanted.name && (actions.includes(action) || actions.includes("*")),
    ),
  );
