import { createHmac } from "node:crypto";
import { json, type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { request } from "undici";

/** Its one user. */
export const USER = { name: "drayage", password: "the-password-of-artifactory" };
export const BASIC = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString("base64")}`;

/** By repository path, with the keys that are given: what of Artifactory's API a replication by webhooks asks for. Source: facts/artifactory.md 2.2, 2.5, 3.2. */
export const startSource = (keys: ReadonlyArray<string>): Effect.Effect<StrictRegistry, never, Scope.Scope> =>
  startStrictRegistry({
    auth: { _tag: "Basic", users: [USER] },
    intercept: async ({ url, headers }) => {
      if (url.pathname !== "/artifactory/api/repositories") return undefined;
      if (headers.authorization !== BASIC) return json(401, { errors: [{ status: 401, message: "Bad Credentials" }] });
      return json(
        200,
        keys.map((key) => ({ key, type: "LOCAL", packageType: "Docker" })),
      );
    },
  });

/** One webhook. Source of its form: facts/artifactory.md 1.5 and 1.6. */
export interface Webhook {
  readonly event: "pushed" | "deleted" | "promoted";
  readonly key: string;
  readonly image: string;
  readonly tag: string;
  readonly digest: string;
  readonly to?: { readonly key: string; readonly tag: string } | undefined;
  /** `jpd_origin`: the address that the sender gives itself. */
  readonly origin?: string | undefined;
}

export const bodyOf = ({ event, key, image, tag, digest, to, origin }: Webhook): string =>
  JSON.stringify({
    domain: "docker",
    event_type: event,
    data: {
      repo_key: key,
      path: `${image}/${tag}/manifest.json`,
      name: "manifest.json",
      sha256: digest.replace(/^sha256:/, ""),
      size: 0,
      image_name: image.split("/").at(-1),
      tag,
      platforms: [],
      image_type: "docker",
      ...(to === undefined ? {} : { target_repo: to.key, target_tag: to.tag }),
    },
    subscription_key: "drayage",
    jpd_origin: origin ?? "https://acme.jfrog.example",
    source: "jfrog/jfrt@01h9mspg5atsp402qqxm071zjv",
  });

export const signatureOf = (secret: string, body: string): string =>
  createHmac("sha256", secret).update(body).digest("hex");

/** Sends a body with a proof; gives the status of the answer. */
export const deliver = async (ingest: string, body: string, proof: string | undefined): Promise<number> => {
  const answer = await request(ingest, {
    method: "POST",
    headers: { "content-type": "application/json", ...(proof === undefined ? {} : { "x-jfrog-event-auth": proof }) },
    body,
  });
  await answer.body.dump();
  return answer.statusCode;
};
