import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import type { Tag } from "../model/brand.ts";
import { digestOf } from "../model/digest.ts";
import { MEDIA_TYPES } from "../model/media-types.ts";
import { parseRepositoryName, parseTag } from "../model/names.ts";
import { type Reply, type Script, type Seen, withRegistry } from "./scripted-server.test-support.ts";
import type { RegistryTraits } from "./traits.ts";

const WEB = parseRepositoryName("team/web") ?? expect.unreachable();
const FIRST: Tag = parseTag("first") ?? expect.unreachable();
const LATEST: Tag = parseTag("latest") ?? expect.unreachable();
const BYTES = Buffer.from(`{ "schemaVersion":2, "mediaType":"${MEDIA_TYPES.ociIndex}", "manifests": [] }`);
const DIGEST = digestOf(BYTES);
const OTHER = digestOf(Buffer.from("other"));
const KNOWN = { digest: OTHER, mediaType: MEDIA_TYPES.ociIndex, size: 5 };
const IS = { digest: DIGEST, mediaType: MEDIA_TYPES.ociIndex, size: BYTES.length };
const found = (etag: string | undefined, digest = DIGEST): Reply => ({
  status: 200,
  headers: {
    "content-type": MEDIA_TYPES.ociIndex,
    "docker-content-digest": digest,
    "content-length": String(BYTES.length),
    ...(etag === undefined ? {} : { etag }),
  },
  body: BYTES,
});

/** Asks for one tag, then for another with what is known of it; then for that one again. The conditions that were sent, and what came out. */
const ask = async (script: Script, traits: Partial<RegistryTraits> = {}) => {
  const answers: unknown[] = [];
  const seen = await withRegistry(
    script,
    (registry) =>
      Effect.gen(function* () {
        answers.push(yield* registry.resolve(WEB, FIRST, KNOWN));
        answers.push(yield* registry.resolve(WEB, LATEST, KNOWN));
        answers.push(yield* registry.resolve(WEB, LATEST, KNOWN));
      }),
    { traits },
  );
  return { answers, conditions: seen.map(({ headers }) => headers["if-none-match"]), seen };
};
const isConditional = ({ headers }: Seen): boolean => headers["if-none-match"] !== undefined;
const CONDITION = `"${OTHER}"`;

describe("what a registry's entity tags are", () => {
  it("is learnt from an answer: then it is asked whether the tag still has what is known", async () => {
    const script: Script = (request) => (isConditional(request) ? { status: 304 } : found(`"${DIGEST}"`));
    const { answers, conditions } = await ask(script);
    expect(answers).toEqual([IS, KNOWN, KNOWN]);
    expect(conditions).toEqual([undefined, CONDITION, CONDITION]);
  });

  it("is learnt from a manifest too", async () => {
    const seen = await withRegistry(
      (request) => (isConditional(request) ? { status: 304 } : found(`"${DIGEST}"`)),
      (registry) =>
        Effect.gen(function* () {
          expect(registry.comparesDigests?.()).toBe(false);
          yield* registry.manifest(WEB, FIRST);
          expect(registry.comparesDigests?.()).toBe(true);
          expect(yield* registry.resolve(WEB, LATEST, KNOWN)).toEqual(KNOWN);
        }),
    );
    expect(seen.map(({ method }) => method)).toEqual(["GET", "HEAD"]);
  });

  it.each([
    ["none", undefined],
    ["a weak one", `W/"${DIGEST}"`],
    ["one of something else", '"0123abcd"'],
    ["one without quotes", DIGEST],
    ["another digest", `"${OTHER}"`],
  ])("is not learnt from %s", async (_what, etag) => {
    const { answers, conditions } = await ask(() => found(etag));
    expect(answers).toEqual([IS, IS, IS]);
    expect(conditions).toEqual([undefined, undefined, undefined]);
  });

  it("is of no interest where a registry contradicts itself", async () => {
    const { conditions } = await ask(() => found(`"${DIGEST}"`), { conditional: "never" });
    expect(conditions).toEqual([undefined, undefined, undefined]);
  });

  it("is of no interest for a digest, which cannot change", async () => {
    const seen = await withRegistry(
      () => found(`"${DIGEST}"`),
      (registry) =>
        Effect.gen(function* () {
          yield* registry.resolve(WEB, FIRST);
          yield* registry.resolve(WEB, DIGEST, IS);
        }),
    );
    expect(seen.filter(isConditional)).toEqual([]);
  });
});

describe("an answer to a condition", () => {
  it("brings what the tag has now, where that is something else", async () => {
    const { answers, conditions } = await ask(() => found(`"${DIGEST}"`));
    expect(answers).toEqual([IS, IS, IS]);
    expect(conditions).toEqual([undefined, CONDITION, CONDITION]);
  });

  it("says that the tag is gone", async () => {
    const { answers } = await ask((request) => (isConditional(request) ? { status: 404 } : found(`"${DIGEST}"`)));
    expect(answers).toEqual([IS, undefined, undefined]);
  });

  it.each([
    ["docker-content-digest", DIGEST],
    ["etag", `"${DIGEST}"`],
    ["etag", `W/"${OTHER}"`],
  ])("that is 304 and contradicts it (%s: %s) is not believed, nor is any later one", async (name, value) => {
    const { answers, conditions } = await ask((request) =>
      isConditional(request) ? { status: 304, headers: { [name]: value } } : found(`"${DIGEST}"`),
    );
    expect(answers).toEqual([IS, IS, IS]);
    expect(conditions).toEqual([undefined, CONDITION, undefined, undefined]);
  });

  it("that is 304 without having been asked for is an error", async () => {
    const error = await ask(() => ({ status: 304 })).catch((cause: unknown) => String(cause));
    expect(error).toContain("304");
  });
});
