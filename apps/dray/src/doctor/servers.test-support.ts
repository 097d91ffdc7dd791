import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Made for these tests and used nowhere else: signed by itself, for localhost and 127.0.0.1, valid for a hundred years. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgt5rHC1OxokOptw7H
EDbt5kZ7OJFCmbkC1N1HP8i6IFmhRANCAAR8AMkIC/9Fnqmnlfzoz+vBl+HVIdPh
MoPal4wXG9Q9RNjyhHd0olweO6Sh7rARg99UDlAMoEaEfWo8LmemIejh
-----END PRIVATE KEY-----
`;
/** Its certificate, which is its authority too. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUKf2WEUBGJnT/70OaBKT0PizillcwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTEyNTIyMVoYDzIxMjYxMTAx
MTI1MjIxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR8AMkIC/9Fnqmnlfzoz+vBl+HVIdPhMoPal4wXG9Q9RNjyhHd0olwe
O6Sh7rARg99UDlAMoEaEfWo8LmemIejho28wbTAdBgNVHQ4EFgQUC7wME7WoRRmF
DDoSlaMfSIpd1zEwHwYDVR0jBBgwFoAUC7wME7WoRRmFDDoSlaMfSIpd1zEwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAM4XrcCo3KY5EY8y8QfgCR3f6hiYuIYCOIwJhg74E58PAiEA
2vEWnpLr9f2bVSRqmQhD1f82oJa3tSwTL26MXSbYFDA=
-----END CERTIFICATE-----
`;

/** A plain server until the end of the test. */
export const serve = (listener: RequestListener): Promise<URL> => listening(createServer(listener), "http");

/** What is at `behind`, over TLS with a certificate that nobody knows. */
export const secured = (behind: URL): Promise<URL> =>
  listening(createSecureServer({ key: KEY, cert: CERTIFICATE }, forward(behind)), "https");

/** What is at `behind`, by a clock that is wrong by so many seconds. */
export const skewed = (behind: URL, seconds: number): Promise<URL> =>
  serve((incoming, response) => {
    response.setHeader("date", new Date(Date.now() + seconds * 1000).toUTCString());
    forward(behind)(incoming, response);
  });

const listening = async (server: Server, scheme: string): Promise<URL> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`);
};

const forward =
  (behind: URL) =>
  (incoming: IncomingMessage, response: ServerResponse): void => {
    const { method, headers, url = "/" } = incoming;
    const outgoing = request(new URL(url, behind), { method, headers }, (answer) => {
      const { date: _, ...rest } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, rest);
      answer.pipe(response);
    });
    outgoing.once("error", () => response.destroy());
    incoming.pipe(outgoing);
  };
