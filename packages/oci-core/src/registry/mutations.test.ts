import { describe, expect, it } from "vitest";
import { parseManifest } from "../model/parse-manifest.ts";
import { cosignArtefactFor, image, multiPlatform, seededNumbers, signatureFor } from "../testing/index.ts";
import { parseChallenges } from "./challenge.ts";
import { nextLink, nextPage } from "./link.ts";
import { withDigest } from "./uploads.ts";

/** Inputs for all parsers together. */
const INPUTS = 100_000;
const PARSERS = 4;

/** The same sequence of mutations on every run: a failure names its number. */
const numbers = seededNumbers(4711);
const below = (n: number): number => Math.floor(numbers() * n);
const pick = <A>(from: ReadonlyArray<A>): A => from[below(from.length)] as A;

/** What parsers trip over: borders of their grammars, odd numbers, odd bytes. */
const PIECES = [
  '"',
  "\\",
  ",",
  ";",
  "=",
  "<",
  ">",
  "{",
  "}",
  "[",
  "]",
  "null",
  "true",
  "-1",
  "1e309",
  "9007199254740993",
  "\u0000",
  "\uD800",
  "\u202E",
  "sha256:",
  "../",
  "//",
  "%00",
  "%",
  "#",
  "?",
  "@",
  " ",
  "\t",
  "\r\n",
  "__proto__",
  '"digest":',
  '"size":',
  '"mediaType":',
  "Bearer ",
  "realm",
  'rel="next"',
  "https://",
  "x".repeat(300),
]; // prettier-ignore

/** One to four edits of a sound text: a piece put in, a part cut out, repeated or moved, a byte changed. */
const mutated = (bytes: Uint8Array): Uint8Array => {
  let text = Buffer.from(bytes);
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const [a, b] = [below(text.length + 1), below(text.length + 1)].sort((x, y) => x - y) as [number, number];
    const [head, middle, tail] = [text.subarray(0, a), text.subarray(a, b), text.subarray(b)];
    const piece = Buffer.from(pick(PIECES));
    const edit = below(5);
    if (edit === 0) text = Buffer.concat([head, piece, middle, tail]);
    else if (edit === 1) text = Buffer.concat([head, tail]);
    else if (edit === 2) text = Buffer.concat([head, middle, middle, tail]);
    else if (edit === 3) text = Buffer.concat([middle, head, tail]);
    else if (text.length > 0) text = Buffer.from(text.map((byte, at) => (at === a ? byte ^ (1 + below(255)) : byte)));
  }
  return text;
};
const random = (): Uint8Array => Buffer.from(Array.from({ length: below(300) }, () => below(256)));
/** Mutations of sound inputs reach deep; a tenth is noise. */
const inputFrom = (seeds: ReadonlyArray<Uint8Array>): Uint8Array => (below(10) === 0 ? random() : mutated(pick(seeds)));

const texts = (...all: ReadonlyArray<string>): ReadonlyArray<Uint8Array> => all.map((text) => Buffer.from(text));

/** Runs a parser on its share of the inputs; `check` throws where an outcome is none of the parser's own. */
const survives = (seeds: ReadonlyArray<Uint8Array>, check: (input: Uint8Array) => void): number => {
  let ran = 0;
  for (; ran < INPUTS / PARSERS; ran++) {
    const input = inputFrom(seeds);
    try {
      check(input);
    } catch (cause) {
      throw new Error(`input ${ran}: ${JSON.stringify(Buffer.from(input).toString("latin1").slice(0, 2000))}`, {
        cause,
      });
    }
  }
  return ran;
};

describe("parsers survive 100,000 random and mutated inputs", () => {
  it("a manifest is read or refused with a reason", () => {
    const top = multiPlatform({ seed: "mutations" });
    const seeds = [
      image({ seed: "mutations", annotations: { a: "b" } }),
      image({ seed: "mutations", format: "docker" }),
      top,
      multiPlatform({ seed: "mutations", format: "docker" }),
      signatureFor(top),
      cosignArtefactFor(top).image,
    ].map(({ bytes }) => bytes);
    const types = [
      undefined,
      "application/vnd.oci.image.manifest.v1+json",
      "application/vnd.oci.image.index.v1+json",
      "text/html",
    ];
    const ran = survives(seeds, (input) => {
      const parsed = parseManifest(input, pick(types));
      expect(["Image", "Index", "Refused"]).toContain(parsed._tag);
      if (parsed._tag === "Refused") expect(parsed.reason).toMatch(/^[a-z-]+$/);
    });
    expect(ran).toBe(INPUTS / PARSERS);
  });

  it("challenges are lower-case schemes with parameters, however odd the header", () => {
    const seeds = texts(
      'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull,push"',
      'Basic realm="registry", Bearer realm="https://x/token", Negotiate abc==',
      'Bearer realm="a\\"b" , error="insufficient_scope"',
    );
    survives(seeds, (input) => {
      for (const { scheme, parameters } of parseChallenges([Buffer.from(input).toString("latin1")])) {
        expect(scheme).toBe(scheme.toLowerCase());
        for (const name of parameters.keys()) expect(name).toBe(name.toLowerCase());
      }
    });
  });

  it("a Link leads to the listing that was asked for, or is refused", () => {
    const current = new URL("https://registry.example.com/v2/team/app/tags/list?n=100");
    const seeds = texts(
      '</v2/team/app/tags/list?last=9&n=100>; rel="next"',
      '<https://registry.example.com/v2/app/tags/list?last=a%2Cb>; rel=next, <https://other.example/>; rel="prev"',
      '</v2/_catalog?last=x>; title="a, b"; rel="first next"',
    );
    survives(seeds, (input) => {
      const link = nextLink([Buffer.from(input).toString("latin1")]);
      if (link === undefined) return;
      const next = nextPage(link, current);
      if (next._tag === "Unsafe") return expect(next.detail).not.toBe("");
      expect(next.url.origin).toBe(current.origin);
      expect(next.url.pathname).toBe(current.pathname);
      expect(next.url.username).toBe("");
    });
  });

  it("a Location that is a URL keeps its host and gets the digest as the last of its query", () => {
    const { digest } = image({ seed: "mutations" });
    const seeds = texts(
      "https://registry.example.com/v2/team/app/blobs/uploads/5f1c?_state=abc%3D&x=1#frag",
      "/v2/team/app/blobs/uploads/5f1c",
      "//cdn.example.com/upload;a=b?digest=sha256:0",
    );
    survives(seeds, (input) => {
      const location = URL.parse(Buffer.from(input).toString("latin1"), "https://registry.example.com/v2/");
      if (location === null) return;
      const url = withDigest(location, digest);
      expect(url.host).toBe(location.host);
      expect(url.search.endsWith(`digest=${digest}`)).toBe(true);
    });
  });
});
