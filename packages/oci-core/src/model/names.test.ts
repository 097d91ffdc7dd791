import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cosignTag,
  digestOf,
  isDigest,
  isDigestTag,
  parseDigest,
  parseDigestTag,
  parsePlatform,
  parseRepositoryName,
  parseTag,
  platformString,
  referrerTag,
} from "./index.ts";

const HEX = "a".repeat(64);
const SHA256 = `sha256:${HEX}`;

describe("digest", () => {
  it.each([SHA256, `sha512:${"0".repeat(128)}`])("reads %s", (text) => {
    expect(parseDigest(text)).toBe(text);
  });
  it.each([
    "",
    HEX,
    "sha256:",
    `sha256:${HEX}0`,
    `sha256:${HEX.slice(1)}`,
    `sha256:${HEX.toUpperCase()}`,
    `sha512:${HEX}`,
    `sha1:${"a".repeat(40)}`,
    `blake3:${HEX}`,
    `${SHA256}\n`,
    `sha256:../../${HEX.slice(6)}`,
  ])("refuses %j", (text) => {
    expect(parseDigest(text)).toBeUndefined();
  });
  it("hashes bytes", () => {
    expect(digestOf(Buffer.from("{}"))).toBe("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    expect(isDigest(digestOf(Buffer.from("{}"), "sha512"))).toBe(true);
  });
});

describe("repository name", () => {
  it.each(["a", "library/alpine", "a.b/c_d/e__f/g---h", "0/1/2", "a".repeat(255)])("reads %s", (text) => {
    expect(parseRepositoryName(text)).toBe(text);
  });
  it.each([
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "A",
    "a..b",
    "a___b",
    "-a",
    "a-",
    "a b",
    "a:b",
    "../a",
    "ä",
    "a\n",
    "a".repeat(256),
  ])("refuses %j", (text) => {
    expect(parseRepositoryName(text)).toBeUndefined();
  });
});

describe("tag", () => {
  it.each(["latest", "_x", "1.2.3-RC_1", "x".repeat(128)])("reads %s", (text) => {
    expect(parseTag(text)).toBe(text);
  });
  it.each(["", ".a", "-a", "a+b", "a/b", "a:b", "a\n", "x".repeat(129)])("refuses %j", (text) => {
    expect(parseTag(text)).toBeUndefined();
  });
});

describe("tags made of digests", () => {
  const subject = digestOf(Buffer.from("image"));
  it("come back to their subject and kind", () => {
    expect(parseDigestTag(referrerTag(subject))).toEqual({ subject, kind: "fallback" });
    expect(parseDigestTag(cosignTag(subject, "sig"))).toEqual({ subject, kind: "sig" });
    expect(parseDigestTag(cosignTag(subject, "att"))).toEqual({ subject, kind: "att" });
    expect(parseDigestTag(cosignTag(subject, "sbom"))).toEqual({ subject, kind: "sbom" });
  });
  it("of a sha512 subject are cut at 64 characters: known as such, without a subject", () => {
    const tag = referrerTag(digestOf(Buffer.from("image"), "sha512"));
    expect(tag).toHaveLength("sha512-".length + 64);
    expect(parseTag(tag)).toBe(tag);
    expect(parseDigestTag(tag)).toBeUndefined();
    expect(isDigestTag(tag)).toBe(true);
  });
  it.each(["latest", `sha256-${HEX}.sigx`, `sha256-${HEX}0`, `sha256-${HEX.toUpperCase()}`, `md5-${HEX}`])(
    "%s is none",
    (tag) => {
      expect(parseDigestTag(tag)).toBeUndefined();
      expect(isDigestTag(tag)).toBe(false);
    },
  );
});

describe("platform", () => {
  it.each(["linux/amd64", "linux/arm/v7", "unknown/unknown"])("%s is read and written", (text) => {
    const platform = parsePlatform(text);
    expect(platform && platformString(platform)).toBe(text);
  });
  it.each(["linux", "linux/", "linux/arm/v7/x", "Linux/amd64", ""])("refuses %j", (text) => {
    expect(parsePlatform(text)).toBeUndefined();
  });
});

describe("for every text", () => {
  const parsers = { parseDigest, parseRepositoryName, parseTag };
  it.each(Object.entries(parsers))("%s gives the text itself or nothing, and never throws", (_name, parse) => {
    void fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.stringMatching(/^[a-z0-9._/:-]{0,300}$/)),
        (text) => {
          const parsed = parse(text);
          expect(parsed === undefined || parsed === text).toBe(true);
        },
      ),
    );
  });
  it("what a parser accepted needs no encoding in a URL", () => {
    void fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9._/-]{1,40}$/), (text) => {
        const name = parseRepositoryName(text) ?? parseTag(text);
        if (name !== undefined) expect(new URL(`http://h/v2/${name}`).pathname).toBe(`/v2/${name}`);
      }),
    );
  });
});
