import { type Answer, type Exchange, json, refusal } from "@drayage/oci-core/testing";

/** Somebody who may do everything. */
export interface TestUser {
  readonly name: string;
  readonly password: string;
}

/** Who is let in. */
export interface TestAccess {
  readonly users: ReadonlyArray<TestUser>;
  /** An access token: as Bearer, and as the password of any user. */
  readonly accessToken: string;
  /** A legacy API key, for `X-JFrog-Art-Api`. */
  readonly apiKey: string;
  /** Seconds that a token of the token endpoint lives. */
  readonly tokenSeconds: number;
}

export interface Doorkeeper {
  /** Nothing: come in. */
  readonly refuse: (exchange: Exchange, tokenPath: string | undefined) => Answer | undefined;
  /** The token endpoint: GET alone. Source: facts/artifactory.md 2.2. */
  readonly issue: (exchange: Exchange) => Answer;
  readonly userOf: (exchange: Exchange) => string;
  readonly revoke: () => void;
}

export const makeDoorkeeper = ({ users, accessToken, apiKey, tokenSeconds }: TestAccess): Doorkeeper => {
  const tokens = new Map<string, { readonly expiresAt: number; readonly user: string }>();
  const ofBasic = (header: string | undefined): TestUser | undefined => {
    const [, encoded] = /^Basic (.+)$/.exec(header ?? "") ?? [];
    const [name = "", ...rest] = Buffer.from(encoded ?? "", "base64")
      .toString()
      .split(":");
    const password = rest.join(":");
    return users.find((user) => user.name === name && (user.password === password || password === accessToken));
  };
  const bearerOf = ({ headers }: Exchange): string => /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  const knows = (exchange: Exchange): boolean => {
    const { headers } = exchange;
    if (headers["x-jfrog-art-api"] === apiKey || ofBasic(headers.authorization) !== undefined) return true;
    const bearer = bearerOf(exchange);
    return bearer === accessToken || (tokens.get(bearer)?.expiresAt ?? 0) > Date.now();
  };
  return {
    refuse: (exchange, tokenPath) => {
      const { headers, url } = exchange;
      if (knows(exchange)) return undefined;
      const challenge =
        tokenPath === undefined
          ? {}
          : { "WWW-Authenticate": `Bearer realm="${url.origin}${tokenPath}",service="${url.host}"` };
      // A bad password gets the REST shape everywhere; a token that ran out is asked for again.
      if (headers.authorization?.startsWith("Basic ") === true || headers["x-jfrog-art-api"] !== undefined)
        return restRefusal(401, "Bad Credentials");
      if (tokenPath === undefined) return restRefusal(401, "Authentication is required");
      return refusal(401, "UNAUTHORIZED", "authentication required", null, challenge);
    },
    issue: ({ method, headers }) => {
      if (method !== "GET") return restRefusal(405, "Method Not Allowed");
      if (headers.authorization === undefined) return restRefusal(401, "Authentication is required");
      const user = ofBasic(headers.authorization);
      if (user === undefined) return restRefusal(401, "Bad Credentials");
      const token = crypto.randomUUID();
      tokens.set(token, { expiresAt: Date.now() + tokenSeconds * 1000, user: user.name });
      return json(200, { token, expires_in: tokenSeconds });
    },
    userOf: (exchange) =>
      ofBasic(exchange.headers.authorization)?.name ?? tokens.get(bearerOf(exchange))?.user ?? "token:admin",
    revoke: () => tokens.clear(),
  };
};

/** The second of the two shapes of errors. Source: facts/artifactory.md 2.8. */
export const restRefusal = (status: number, message: string): Answer => json(status, { errors: [{ status, message }] });
