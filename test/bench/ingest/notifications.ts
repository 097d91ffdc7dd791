import { createHmac, randomBytes } from "node:crypto";

/** Every contender believes this one. */
export const SECRET = "bench-secret";
/** So many different tags, in turn: more than any group commit holds. */
const DIFFERENT = 5_000;

/** Webhooks of Artifactory for pushed images, some 480 bytes each, signed. As whole HTTP/1.1 requests, so that sending costs nothing. */
export const signedRequests = (path: string): ReadonlyArray<Buffer> =>
  Array.from({ length: DIFFERENT }, (_, n) => {
    const body = Buffer.from(webhook(n));
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    const head =
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Artifactory/7.111.4 81111400\r\n` +
      `Content-Type: application/json\r\nX-JFrog-Event-Auth: ${signature}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, "latin1"), body]);
  });

const webhook = (n: number): string => {
  const image = `image-${n % 500}`;
  const tag = `1.${Math.floor(n / 500)}.${n}`;
  return JSON.stringify({
    domain: "docker",
    event_type: "pushed",
    data: {
      repo_key: "docker-prod-local",
      path: `team/${image}/${tag}/manifest.json`,
      name: "manifest.json",
      sha256: randomBytes(32).toString("hex"),
      size: 1_527,
      image_name: `team/${image}`,
      tag,
      platforms: [],
      image_type: "docker",
    },
    subscription_key: "drayage",
    jpd_origin: "https://acme.jfrog.io",
    source: "jfrog/jfrt@01jzq1wpac4msw1djjwqwh09w0",
  });
};
