import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { GcrMessage } from "@drayage/ar-adapter/testing";
import { request } from "undici";

/** What a subscription that pushes is set up with. */
export const PUSH = { audience: "https://drayage.example.com/notifications/eu", account: "push@acme.example.com" };

/** Google's side of a push: keys that are served, and tokens signed with one of them. Source: facts/pubsub.md 4. */
export interface Issuer {
  readonly keys: string;
  readonly token: (claims?: Readonly<Record<string, unknown>>) => string;
  readonly close: () => Promise<void>;
}

export const startIssuer = async (): Promise<Issuer> => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const certificates = JSON.stringify({ key: publicKey.export({ type: "spki", format: "pem" }) });
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "cache-control": "max-age=3600" }).end(certificates);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    keys: `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`,
    token: (claims = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const known = { iss: "https://accounts.google.com", aud: PUSH.audience, email: PUSH.account, sub: "1" };
      const payload = { ...known, email_verified: true, iat: now, exp: now + 3600, ...claims };
      const text = `${part({ alg: "RS256", kid: "key", typ: "JWT" })}.${part(payload)}`;
      return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
};

/** Posts one body; gives the status of the answer. */
export const post = async (url: string, body: string, headers: Readonly<Record<string, string>>): Promise<number> => {
  const answer = await request(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  await answer.body.dump();
  return answer.statusCode;
};

/** A message of the topic as Pub/Sub pushes it. */
export const envelope = (message: GcrMessage): string =>
  JSON.stringify({
    message: {
      data: Buffer.from(JSON.stringify(message)).toString("base64"),
      messageId: randomUUID(),
      publishTime: new Date().toISOString(),
    },
    subscription: "projects/acme-prod/subscriptions/drayage-push",
  });

const TRIES_MAX = 20;
const AGAIN_MS = 250;

/** As Pub/Sub and EventBridge do: again until it is answered with success, and one after the other. What nobody took is in `lost`. */
export const delivering = (send: (body: string) => Promise<number>) => {
  const lost: Array<string> = [];
  let last: Promise<void> = Promise.resolve();
  const deliver = async (body: string): Promise<void> => {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const status = await send(body).catch(() => 0);
      if (status >= 200 && status < 300) return;
      await sleep(AGAIN_MS);
    }
    lost.push(body);
  };
  return {
    deliver: (body: string): void => {
      last = last.then(() => deliver(body));
    },
    /** Waits until all has been sent. */
    settled: () => last,
    lost: (): ReadonlyArray<string> => lost,
  };
};

/** One tag of ECR goes, by the call that the console makes. Fails where ECR says so. */
export const removeAtEcr = async (url: URL, repositoryName: string, imageTag: string): Promise<void> => {
  const answer = await request(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.BatchDeleteImage",
      authorization: "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/eu-central-1/ecr/aws4_request",
    },
    body: JSON.stringify({ repositoryName, imageIds: [{ imageTag }] }),
  });
  const { failures } = (await answer.body.json()) as { readonly failures?: ReadonlyArray<unknown> };
  if (answer.statusCode !== 200 || failures?.length !== 0) throw new Error(`not deleted: ${JSON.stringify(failures)}`);
};
