/** Whatever the other side sends: an answer is a value or a typed error, never a crash. 20,000 tries in all. */
import { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import * as Stream from "effect/Stream";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { MEDIA_TYPES } from "../model/media-types.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import { parseManifest } from "../model/parse-manifest.ts";
import { makeBlobs } from "./blobs.ts";
import { parseChallenges } from "./challenge.ts";
import { RegistryError } from "./errors.ts";
import { makeExchange } from "./exchange.ts";
import { retryAfterMs } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";
import { makeLimiter } from "./limit.ts";
import { nextLink, nextPage } from "./link.ts";
import { makeListing } from "./listing.ts";
import { makeManifests } from "./manifests.ts";
import { makeReferrers } from "./referrers.ts";
import { STANDARD_TRAITS } from "./traits.ts";
import { makeUploads } from "./uploads.ts";

const WEB = parseRepositoryName("team/web") ?? expect.unreachable();
const LATEST = parseTag("latest") ?? expect.unreachable();
const LAYER = Buffer.from("layer");
const BLOB = { mediaType: "application/x", digest: digestOf(LAYER), size: LAYER.byteLength };

const odd = fc.jsonValue({ maxDepth: 1 });
const descriptor = fc.record(
  {
    mediaType: fc.oneof(fc.constantFrom(...Object.values(MEDIA_TYPES)), fc.string(), odd),
    digest: fc.oneof(fc.constant<unknown>(BLOB.digest), fc.string(), odd),
    size: fc.oneof(fc.nat(), fc.double(), odd),
    annotations: odd,
    platform: odd,
    urls: odd,
  },
  { requiredKeys: [] },
);
const descriptors = fc.oneof(fc.array(descriptor, { maxLength: 4 }), odd);
const document = fc.record(
  {
    schemaVersion: fc.oneof(fc.constant<unknown>(2), odd),
    mediaType: fc.oneof(fc.constantFrom<unknown>(...Object.values(MEDIA_TYPES)), odd),
    config: fc.oneof(descriptor, odd),
    layers: descriptors,
    manifests: descriptors,
    subject: fc.oneof(descriptor, odd),
    errors: odd,
    tags: odd,
    token: odd,
  },
  { requiredKeys: [] },
);
/** A document as JSON, and often damaged: a piece of noise somewhere, or its end cut off. */
const body = fc
  .tuple(document, fc.option(fc.uint8Array({ maxLength: 8 })), fc.nat(), fc.boolean())
  .map(([value, noise, at, isCut]) => {
    const bytes = Buffer.from(JSON.stringify(value));
    if (noise === null) return bytes;
    const place = at % (bytes.byteLength + 1);
    return Buffer.concat([bytes.subarray(0, place), noise, isCut ? Buffer.alloc(0) : bytes.subarray(place)]);
  });
const words = (...pieces: ReadonlyArray<string>) =>
  fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...pieces) }, fc.string({ maxLength: 5 })), {
    maxLength: 20,
  });
const challenge = words(
  ...["Bearer ", "Basic ", "realm", "scope", "=", '"', ",", " ", "\\", "https://a.example/t", "repository:a:pull"],
).map((list) => list.join(""));
const link = words("<", ">", ";", ",", "rel", "=", '"', "next", " ", "/v2/team/web/tags/list", "?last=", "//", "%").map(
  (list) => list.join(""),
);
const location = fc.oneof(
  words("http://", "https://", "/", "?", "#", "@", ":", "[", "]", "..", "%2f", "a.example", "169.254.169.254", "&").map(
    (list) => list.join(""),
  ),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  fc.string(),
);

describe("parsers", () => {
  const base = new URL("https://reg.example.com/v2/team/web/tags/list?n=1");
  it("of manifests", () => {
    void fc.assert(
      fc.property(body, fc.option(fc.string(), { nil: undefined }), (bytes, type) => {
        expect(parseManifest(bytes, type)._tag).toMatch(/^(Image|Index|Refused)$/);
      }),
      { numRuns: 6000 },
    );
  });
  it("of challenges, links and waits", () => {
    void fc.assert(
      fc.property(challenge, link, location, (authenticate, linked, target) => {
        for (const { scheme } of parseChallenges([authenticate, target])) expect(scheme).toBe(scheme.toLowerCase());
        const next = nextPage(nextLink([linked]) ?? target, base);
        if (next._tag === "Next") expect(next.url.origin + next.url.pathname).toBe(base.origin + base.pathname);
        expect(retryAfterMs(target, 0) ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 12_000 },
    );
  });
});

/** Only statuses that the client does not try again, so that nothing waits. */
const status = fc.constantFrom(200, 201, 202, 204, 206, 301, 307, 400, 401, 403, 404, 405, 409, 416, 418);
const answer = fc.record({
  status,
  body,
  headers: fc.record(
    {
      location,
      link,
      "www-authenticate": challenge,
      "content-type": fc.oneof(fc.constantFrom(...Object.values(MEDIA_TYPES)), fc.string()),
      "content-length": fc.oneof(fc.nat().map(String), fc.string()),
      "content-range": fc.oneof(fc.constant(`bytes 1-4/${BLOB.size}`), fc.string()),
      "docker-content-digest": fc.oneof(fc.constant<string>(BLOB.digest), fc.string()),
    },
    { requiredKeys: [] },
  ),
});

it("answers of any kind, through the whole client", async () => {
  const url = new URL("https://reg.example.com");
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 3 }), fc.nat(8), async (answers, which) => {
      let asked = 0;
      const sent: Array<string> = [];
      const http = {
        close: () => Promise.resolve(),
        send: (request: { readonly url: URL; readonly headers: Readonly<Record<string, string>> }) => {
          const given = answers[asked++ % answers.length] ?? expect.unreachable();
          const headers = new Map(Object.entries<string>(given.headers));
          if (request.headers["authorization"] !== undefined) sent.push(request.url.hostname);
          const reply: HttpAnswer = {
            url: request.url,
            status: given.status,
            header: (name) => headers.get(name),
            headers: (name) => [headers.get(name)].filter((value) => value !== undefined),
            body: Readable.from([given.body], { objectMode: false }),
            release: () => undefined,
          };
          return Promise.resolve(reply);
        },
      };
      const auth = [{ _tag: "Basic" as const, username: "u", password: Redacted.make("p") }];
      const exchange = makeExchange({
        name: "lab",
        url,
        auth,
        http,
        limiter: makeLimiter(8, undefined),
      });
      const manifests = makeManifests(url, exchange, STANDARD_TRAITS);
      const uploads = makeUploads(url, { upload: "patch" }, exchange);
      const referrers = makeReferrers(
        url,
        { referrers: "unknown", repositoryKey: false },
        exchange,
        manifests.manifest,
      );
      const manifest = { bytes: LAYER, mediaType: MEDIA_TYPES.ociManifest, digest: BLOB.digest };
      const calls: ReadonlyArray<Effect.Effect<unknown, RegistryError>> = [
        manifests.manifest(WEB, LATEST),
        manifests.resolve(WEB, BLOB.digest),
        manifests.putManifest(WEB, LATEST, manifest),
        manifests.deleteManifest(WEB, LATEST),
        makeBlobs(url, exchange).hasBlob(WEB, BLOB.digest),
        Effect.map(makeBlobs(url, exchange).blob(WEB, BLOB, 1), ({ stream }) => stream.destroy()),
        Effect.flatMap(uploads.startUpload(WEB), (begun) =>
          begun._tag === "Opened"
            ? Effect.andThen(
                uploads.upload(WEB, begun.location, BLOB, LAYER),
                uploads.cancelUpload(WEB, begun.location),
              )
            : Effect.void,
        ),
        Stream.runDrain(Stream.take(makeListing(url, 1, exchange).tags(WEB), 5)),
        referrers.referrers(WEB, BLOB.digest),
      ];
      const exit = await Effect.runPromiseExit(calls[which] ?? expect.unreachable());
      if (exit._tag === "Failure") {
        const [reason] = exit.cause.reasons;
        expect(reason?._tag === "Fail" ? reason.error : reason).toBeInstanceOf(RegistryError);
        expect(reason?._tag === "Fail" ? reason.error.reason : "").not.toMatch(/network|stalled/);
      }
      for (const host of sent) expect(host).toMatch(/(^|\.)example\.com$/);
    }),
    { numRuns: 2000 },
  );
});
