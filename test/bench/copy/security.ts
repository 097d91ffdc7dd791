import { execFileSync } from "node:child_process";
import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { join } from "node:path";

/** TLS and tokens of a run: a certificate for 127.0.0.1 that is its own root, and a token server that knows one user. */
export interface Security {
  readonly certificate: string;
  readonly key: string;
  readonly realm: string;
  readonly username: string;
  readonly password: string;
  readonly stop: () => void;
}

const LIFE_SECONDS = 3600;

/** Needs `openssl` on PATH for the certificate. */
export const startSecurity = async (folder: string): Promise<Security> => {
  mkdirSync(folder, { recursive: true });
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const wish =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench -addext subjectAltName=IP:127.0.0.1";
  execFileSync("openssl", [...wish.split(" "), "-keyout", key, "-out", certificate], { stdio: "ignore" });
  const username = "bench";
  const password = randomUUID();
  const server = tokenServer(certificate, key, `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    certificate,
    key,
    realm: `https://127.0.0.1:${port}/token`,
    username,
    password,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

/** Whatever is asked for is granted to the one user: it is the cost that is measured. GET and POST, as clients differ. */
const tokenServer = (certificate: string, key: string, authorization: string): Server => {
  const cert = readFileSync(certificate);
  const privateKey = createPrivateKey(readFileSync(key));
  const chain = new X509Certificate(cert).raw.toString("base64");
  return createServer({ cert, key: readFileSync(key) }, (incoming, outgoing) => {
    const url = new URL(incoming.url ?? "/", "https://127.0.0.1");
    const scopes = url.searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      const form = new URLSearchParams(Buffer.concat(pieces).toString());
      const isKnown = incoming.method === "POST" || incoming.headers.authorization === authorization;
      const asked = [...scopes, ...form.getAll("scope").flatMap((scope) => scope.split(" "))];
      const token = jwt(asked, chain, privateKey);
      outgoing.writeHead(isKnown ? 200 : 401, { "content-type": "application/json" });
      outgoing.end(JSON.stringify({ token, access_token: token, expires_in: LIFE_SECONDS }));
    });
  });
};

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

const jwt = (scopes: ReadonlyArray<string>, chain: string, key: ReturnType<typeof createPrivateKey>): string => {
  const now = Math.floor(Date.now() / 1000);
  const access = scopes.flatMap((scope) => {
    const [type = "", name = "", actions = ""] = scope.split(":");
    return name === "" ? [] : [{ type, name, actions: actions.split(",") }];
  });
  const claims = { iss: "bench", aud: "bench", sub: "bench", iat: now, nbf: now - 60, exp: now + LIFE_SECONDS };
  const text = `${encoded({ alg: "ES256", typ: "JWT", x5c: [chain] })}.${encoded({ ...claims, jti: randomUUID(), access })}`;
  const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
};
