import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { MEDIA_TYPES } from "../model/index.ts";
import { image, signatureFor } from "./images.ts";
import { ask, type PlainAnswer } from "./plain-http.ts";
import { pushImage } from "./push-image.ts";
import { startStrictRegistry } from "./strict-registry.ts";

describe("listings", () => {
  it.live("pages tags and repositories in order", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry();
      for (const tag of ["b", "c", "a", "d", "e"])
        yield* pushImage(registry.url, "team/web", tag, image({ seed: "one" }));
      yield* pushImage(registry.url, "team/api", "v1", image({ seed: "one" }));
      const pages: Array<string> = [];
      for (let path: string | undefined = "/v2/team/web/tags/list?n=2"; path !== undefined; ) {
        const page: PlainAnswer = yield* ask(registry, "GET", path);
        pages.push((JSON.parse(page.bytes.toString()) as { tags: ReadonlyArray<string> }).tags.join(""));
        path = /^<(.+)>; rel="next"$/.exec(page.headers["link"] ?? "")?.[1];
      }
      expect(pages).toEqual(["ab", "cd", "e"]);
      const text = (path: string) => Effect.map(ask(registry, "GET", path), ({ bytes }) => bytes.toString());
      expect(yield* text("/v2/team/web/tags/list?n=2&last=bb")).toBe('{"name":"team/web","tags":["c","d"]}');
      expect(yield* text("/v2/team/web/tags/list?n=0")).toBe('{"name":"team/web","tags":[]}');
      expect(yield* text("/v2/_catalog?n=5")).toBe('{"repositories":["team/api","team/web"]}');
      expect((yield* ask(registry, "GET", "/v2/team/web/tags/list?n=x")).code).toBe("PAGINATION_NUMBER_INVALID");
      expect((yield* ask(registry, "GET", "/v2/team/none/tags/list")).code).toBe("NAME_UNKNOWN");
    }),
  );

  it.live("lists referrers, filtered and paged, or has no such API", () =>
    Effect.gen(function* () {
      const registry = yield* startStrictRegistry({ referrersPageSize: 1 });
      const subject = image({ seed: "subject" });
      const signature = signatureFor(subject);
      yield* pushImage(registry.url, "team/web", undefined, signature);
      yield* pushImage(
        registry.url,
        "team/web",
        undefined,
        signatureFor(subject, { artifactType: "application/spdx+json" }),
      );
      const path = `/v2/team/web/referrers/${subject.digest}`;
      const first = yield* ask(registry, "GET", path);
      expect(first.headers["content-type"]).toBe(MEDIA_TYPES.ociIndex);
      expect(first.headers["link"]).toContain("start=1");
      const only = yield* ask(registry, "GET", `${path}?artifactType=application/spdx%2Bjson`);
      expect(only.headers["oci-filters-applied"]).toBe("artifactType");
      expect(only.headers["link"]).toBeUndefined();
      const put = () =>
        ask(registry, "PUT", `/v2/team/web/manifests/${signature.digest}`, {
          headers: { "content-type": signature.mediaType },
          body: signature.bytes,
        });
      expect((yield* put()).headers["oci-subject"]).toBe(subject.digest);
      registry.configure({ referrers: "none" });
      expect((yield* ask(registry, "GET", path)).status).toBe(404);
      expect((yield* put()).headers["oci-subject"]).toBeUndefined();
    }),
  );
});
