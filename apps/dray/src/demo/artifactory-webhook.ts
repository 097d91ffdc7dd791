import { createHmac } from "node:crypto";
import * as Effect from "effect/Effect";
import { request } from "undici";

/** A `promoted` delivery as Artifactory sends it, signed with HMAC-SHA256 over the raw body. Source: facts of Artifactory webhooks, 1.4 and 1.6. */
export const sendPromoted = (options: {
  readonly ingest: string;
  readonly secret: string;
  readonly from: { readonly key: string; readonly image: string; readonly tag: string };
  readonly to: { readonly key: string; readonly tag: string };
  readonly sha256: string;
}): Effect.Effect<number> =>
  Effect.promise(async () => {
    const { from, to } = options;
    const body = JSON.stringify({
      domain: "docker",
      event_type: "promoted",
      data: {
        repo_key: from.key,
        path: `${from.image}/${from.tag}/list.manifest.json`,
        name: "list.manifest.json",
        sha256: options.sha256,
        size: 0,
        image_name: from.image.split("/").at(-1),
        tag: from.tag,
        platforms: [],
        image_type: "docker",
        target_repo: to.key,
        target_tag: to.tag,
      },
      subscription_key: "drayage",
      source: "jfrog/demo",
    });
    const answer = await request(options.ingest, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-jfrog-event-auth": createHmac("sha256", options.secret).update(body).digest("hex"),
      },
      body,
    });
    await answer.body.dump();
    return answer.statusCode;
  });
