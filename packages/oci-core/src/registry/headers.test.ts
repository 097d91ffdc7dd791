import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChallenges } from "./challenge.ts";
import { redactQueries, retryAfterMs } from "./failure.ts";
import { nextLink, nextPage } from "./link.ts";

const plain = (headers: ReadonlyArray<string>) =>
  parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("WWW-Authenticate", () => {
  it.each([
    [['Basic realm="x"'], [["basic", { realm: "x" }]]],
    [
      ['Bearer realm="https://a/t",service="s",scope="repository:a:pull,push repository:b:pull"'],
      [["bearer", { realm: "https://a/t", service: "s", scope: "repository:a:pull,push repository:b:pull" }]],
    ],
    [
      ['Basic realm="x", Bearer realm="y",service=z'],
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y", service: "z" }],
      ],
    ],
    [['BEARER REALM = "y" , Scope="s"'], [["bearer", { realm: "y", scope: "s" }]]],
    [
      ["Basic realm=x", "Bearer realm=y"],
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y" }],
      ],
    ],
    [
      ["Negotiate abc==, Basic realm=x"],
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    [
      ["Negotiate, Basic"],
      [
        ["negotiate", {}],
        ["basic", {}],
      ],
    ],
    [['Bearer realm="a\\"b"'], [["bearer", { realm: 'a"b' }]]],
    [['Bearer realm="never closed'], [["bearer", {}]]],
    [[""], []],
  ])("%j", (headers, expected) => {
    expect(plain(headers)).toEqual(expected);
  });
  it("never makes it throw or hang", () => {
    const pieces = fc.array(fc.constantFrom("Bearer", " ", ",", '"', "=", "\\", "realm", "abc==", ";", "\t"), {
      maxLength: 200,
    });
    void fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((list) => list.join("")),
        ),
        (header) => {
          expect(Array.isArray(parseChallenges([header]))).toBe(true);
        },
      ),
    );
  });
});

describe("Link", () => {
  it.each([
    [['</v2/a/tags/list?n=2&last=b>; rel="next"'], "/v2/a/tags/list?n=2&last=b"],
    [["</x>; rel=next"], "/x"],
    [['</p>; rel="prev", </n?a=1,2;3>; title="a, b"; REL="last Next"'], "/n?a=1,2;3"],
    [['</p>; rel="prev"', '</n>; rel="next"'], "/n"],
    [['</p>; rel="prev"'], undefined],
    [["nonsense"], undefined],
    [[], undefined],
  ])("%j", (headers, target) => {
    expect(nextLink(headers)).toBe(target);
  });
  it("never makes it throw or hang", () => {
    const pieces = fc.array(fc.constantFrom("<", ">", ";", ",", "rel", "=", '"', "next", " ", "/x"), {
      maxLength: 200,
    });
    void fc.assert(
      fc.property(
        pieces.map((list) => list.join("")),
        (header) => {
          expect(["undefined", "string"]).toContain(typeof nextLink([header]));
        },
      ),
    );
  });

  const current = new URL("https://reg.example.com/v2/key/team/web/tags/list?n=100");
  it.each([
    ["/v2/key/team/web/tags/list?n=100&last=a%2Fb", "?n=100&last=a%2Fb"],
    ["https://reg.example.com/v2/key/team/web/tags/list?next_page=x", "?next_page=x"],
    ["?last=z", "?last=z"],
    ["/v2/team/web/tags/list?last=z&n=100", "?last=z&n=100"], // RTFACT-18971
  ])("%s is followed on our own path", (target, search) => {
    const next = nextPage(target, current);
    expect(next).toMatchObject({ _tag: "Next" });
    expect(next._tag === "Next" && next.url.href).toBe(`https://reg.example.com/v2/key/team/web/tags/list${search}`);
  });
  it.each([
    "https://evil.example.com/v2/key/team/web/tags/list?last=z",
    "http://reg.example.com/v2/key/team/web/tags/list?last=z",
    "https://reg.example.com:444/v2/key/team/web/tags/list",
    "//evil.example.com/v2/key/team/web/tags/list",
    "https://u@reg.example.com/v2/key/team/web/tags/list",
    "/v2/key/other/tags/list?last=z",
    "/v2/key/team/web/manifests/latest",
    "/admin",
    "http://[",
  ])("%s is refused", (target) => {
    expect(nextPage(target, current)).toMatchObject({ _tag: "Unsafe" });
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  it.each([
    ["7", 7000],
    ["0", 0],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["soon", undefined],
    [undefined, undefined],
  ])("%s", (value, ms) => {
    expect(retryAfterMs(value, now)).toBe(ms);
  });
});

it("queries of URLs are never shown", () => {
  expect(redactQueries('at https://s3/x?X-Amz-Signature=abc&y=1 and "http://b?q" end')).toBe(
    'at https://s3/x?… and "http://b?…" end',
  );
});
