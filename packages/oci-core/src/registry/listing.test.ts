import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { describe, expect, it } from "vitest";
import { parseRepositoryName } from "../model/names.ts";
import type { RegistryReason } from "./errors.ts";
import type { Registry } from "./registry.ts";
import { errorBody, failureOf, type Reply, type Script, withRegistry } from "./scripted-server.test-support.ts";

const WEB = parseRepositoryName("team/web") ?? expect.unreachable();
const PATH = "/v2/team/web/tags/list";
const list = (tags: unknown, headers: Reply["headers"] = {}): Reply => ({
  status: 200,
  headers,
  body: JSON.stringify({ name: "team/web", tags }),
});
const next = (target: string) => ({ link: `<${target}>; rel="next"` });
const tags = (registry: Registry) => Effect.map(Stream.runCollect(registry.tags(WEB)), (pages) => pages.flat());
const gives = (expected: ReadonlyArray<string>) => (registry: Registry) =>
  Effect.map(tags(registry), (found) => expect(found).toEqual(expected));
const fails = (reason: RegistryReason) => (registry: Registry) =>
  Effect.map(failureOf(tags(registry)), (error) => expect(error.reason).toBe(reason));
const small = { traits: { tagPageSize: 2 } };

describe("tags", () => {
  it("one page, asked for by its size", async () => {
    const seen = await withRegistry(() => list(["b", "a"]), gives(["b", "a"]));
    expect(seen.map(({ path }) => path)).toEqual([`${PATH}?n=1000`]);
  });
  it("follows Link, also past short and empty pages, with the query as it is", async () => {
    const script: Script = ({ path }) => {
      if (path.endsWith("n=2")) return list(["a", "b"], next(`${PATH}?n=2&last=x%2By`));
      if (path.endsWith("last=x%2By")) return list([], next("?next_page=opaque"));
      return list(["c"]);
    };
    const seen = await withRegistry(script, gives(["a", "b", "c"]), small);
    expect(seen.map(({ path }) => path)).toEqual([`${PATH}?n=2`, `${PATH}?n=2&last=x%2By`, `${PATH}?next_page=opaque`]);
  });
  it("a full page without Link is asked on from its last tag", async () => {
    const pages: Record<string, string[]> = { "?n=2": ["a", "b"], "?n=2&last=b": ["c", "d"], "?n=2&last=d": [] };
    const seen = await withRegistry(
      ({ path }) => list(pages[path.slice(PATH.length)]),
      gives(["a", "b", "c", "d"]),
      small,
    );
    expect(seen).toHaveLength(3);
  });
  it("a registry that ignores `last` is asked once, and its tags come once", async () => {
    const seen = await withRegistry(() => list(["a", "b"]), gives(["a", "b"]), small);
    expect(seen).toHaveLength(2);
  });
  it("a registry that ignores `n` has told everything", async () => {
    expect(await withRegistry(() => list(["a", "b", "c"]), gives(["a", "b", "c"]), small)).toHaveLength(1);
  });
  it("a cursor that comes again ends the listing", async () => {
    const script: Script = (_request, _response, index) => list([`t${index}`], next(`${PATH}?n=2&last=same`));
    expect(await withRegistry(script, gives(["t0", "t1"]), small)).toHaveLength(2);
  });
  it("a page size that is refused becomes smaller", async () => {
    const refusals: Reply[] = [
      { status: 400, body: errorBody("PAGINATION_NUMBER_INVALID") },
      { status: 405, body: errorBody("UNSUPPORTED") },
    ];
    for (const refusal of refusals) {
      const seen = await withRegistry(({ path }) => (path.endsWith("n=1000") ? refusal : list(["a"])), gives(["a"]));
      expect(seen.map(({ path }) => path)).toEqual([`${PATH}?n=1000`, `${PATH}?n=100`]);
    }
  });
  it.each(["http://evil.example.com/v2/team/web/tags/list", "/v2/other/tags/list?last=a", "/v2/team/web/manifests/a"])(
    "a link to %s is refused",
    async (target) => {
      await withRegistry(() => list(["a"], next(target)), fails("unsafe-location"));
    },
  );
  it("names that break the grammar are left out", async () => {
    await withRegistry(() => list(["ok", "no+plus", "", 3, null, "../x", "sha256:abc"]), gives(["ok"]));
  });
  it.each([
    ["tags null", list(null)],
    ["no tags", { status: 200, body: '{"name":"team/web"}' }],
    ["404 NO_TAGS_FOUND", { status: 404, body: errorBody("NO_TAGS_FOUND") }],
    ["404 MANIFEST_UNKNOWN", { status: 404, body: errorBody("MANIFEST_UNKNOWN") }],
  ] as const)("%s is an empty list", async (_name, reply) => {
    await withRegistry(() => reply, gives([]));
  });
  it.each([
    ["NAME_UNKNOWN", { status: 404, body: errorBody("NAME_UNKNOWN") }, "repository-unknown"],
    ["404 of somebody", { status: 404, body: "404 page not found" }, "invalid-response"],
    ["HTML with 200", { status: 200, body: "<html></html>" }, "invalid-response"],
    ["another document with 200", { status: 200, body: "{}" }, "invalid-response"],
    ["an array with 200", { status: 200, body: "[]" }, "invalid-response"],
    ["tags of another shape", list("latest"), "invalid-response"],
    ["403", { status: 403 }, "denied"],
    ["401", { status: 401 }, "unauthorized"],
    ["a cut page", { status: 200, body: '{"name":"team/web","tags":["a"' }, "invalid-response"],
  ] as const)("%s is no list", async (_name, reply, reason) => {
    await withRegistry(() => reply, fails(reason));
  });
  it("a page that fails for good ends the listing with its error, not as a short list", async () => {
    const script: Script = ({ path }) =>
      path.endsWith("n=2") ? list(["a"], next(`${PATH}?n=2&last=a`)) : { status: 403 };
    await withRegistry(script, fails("denied"), small);
  });
  it("a throttled page is asked again", async () => {
    const script: Script = (_request, _response, index) =>
      index === 0 ? { status: 429, headers: { "retry-after": "0" } } : list(["a"]);
    await withRegistry(script, gives(["a"]));
  });
});

describe("repositories", () => {
  const all = (registry: Registry) => Effect.map(Stream.runCollect(registry.repositories()), (pages) => pages.flat());
  it("pages as tags do", async () => {
    const script: Script = ({ path }) =>
      path.includes("last")
        ? { status: 200, body: '{"repositories":["team/web"]}' }
        : { status: 200, headers: next("/v2/_catalog?last=a&n=2"), body: '{"repositories":["a","Bad Name"]}' };
    const seen = await withRegistry(
      script,
      (registry) => Effect.map(all(registry), (found) => expect(found).toEqual(["a", "team/web"])),
      small,
    );
    expect(seen.map(({ path }) => path)).toEqual(["/v2/_catalog?n=2", "/v2/_catalog?last=a&n=2"]);
  });
  it.each([
    [{ status: 404 }, "unsupported"],
    [{ status: 405, body: errorBody("UNSUPPORTED") }, "unsupported"],
    [{ status: 401 }, "denied"],
    [{ status: 403 }, "denied"],
    [{ status: 200, body: '{"name":"x"}' }, "invalid-response"],
  ] as const)("%j is %s", async (reply, reason) => {
    await withRegistry(
      () => reply,
      (registry) => Effect.map(failureOf(all(registry)), (error) => expect(error.reason).toBe(reason)),
    );
  });
});
