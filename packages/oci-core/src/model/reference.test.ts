import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apiHost, formatReference, parseReference } from "./index.ts";

const DIGEST = `sha256:${"b".repeat(64)}`;

describe("parseReference", () => {
  it.each([
    ["alpine", "docker.io", "library/alpine", undefined, undefined],
    ["alpine:3.20", "docker.io", "library/alpine", "3.20", undefined],
    ["bitnami/redis", "docker.io", "bitnami/redis", undefined, undefined],
    ["docker.io/alpine", "docker.io", "library/alpine", undefined, undefined],
    ["index.docker.io/library/alpine:1", "docker.io", "library/alpine", "1", undefined],
    ["ghcr.io/a/b:v1", "ghcr.io", "a/b", "v1", undefined],
    ["localhost/a", "localhost", "a", undefined, undefined],
    ["localhost:5000/a:b", "localhost:5000", "a", "b", undefined],
    ["localhost:5000", "docker.io", "library/localhost", "5000", undefined],
    ["reg:5000/a/b", "reg:5000", "a/b", undefined, undefined],
    ["[::1]:5000/a", "[::1]:5000", "a", undefined, undefined],
    ["REG.example.com/a", "reg.example.com", "a", undefined, undefined],
    [`ghcr.io/a/b:v1@${DIGEST}`, "ghcr.io", "a/b", "v1", DIGEST],
    [`a@${DIGEST}`, "docker.io", "library/a", undefined, DIGEST],
  ])("%s", (text, host, repository, tag, digest) => {
    expect(parseReference(text)).toEqual({ _tag: "Reference", host, repository, tag, digest });
  });

  it.each([
    ["", "reference", 0],
    ["https://ghcr.io/a", "reference", 0],
    ["x".repeat(1025), "reference", 0],
    ["ghcr.io/A/b:v1", "repository", 8],
    ["ghcr.io/", "repository", 8],
    ["ghcr.io/a//b", "repository", 8],
    ["ghcr.io/a:b c", "tag", 10],
    ["a:", "tag", 2],
    ["a@sha256:abc", "digest", 2],
    ["reg..io/a", "host", 0],
    ["reg:99999/a", "host", 0],
    ["reg:0/a", "host", 0],
    ["user@reg.io/a", "digest", 5],
  ])("%s names the place and the mend", (text, part, position) => {
    const parsed = parseReference(text);
    expect(parsed).toMatchObject({ _tag: "InvalidReference", part, position });
    expect(parsed._tag === "InvalidReference" && parsed.mend !== "" && parsed.problem !== "").toBe(true);
  });

  it("tells the lower-case name that was meant", () => {
    expect(parseReference("ghcr.io/Acme/Web")).toMatchObject({ mend: "write acme/web" });
  });

  it("never throws, and what it accepts comes back from formatReference", () => {
    const pieces = fc.array(
      fc.constantFrom("a", "B", "0", ".", "-", "_", "/", ":", "@", "localhost", "docker.io", "[::1]", DIGEST),
    );
    void fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((list) => list.join("")),
        ),
        (text) => {
          const parsed = parseReference(text);
          if (parsed._tag === "Reference") expect(parseReference(formatReference(parsed))).toEqual(parsed);
        },
      ),
    );
  });
});

it("only Docker Hub has another host for its API", () => {
  expect(apiHost("docker.io")).toBe("registry-1.docker.io");
  expect(apiHost("ghcr.io")).toBe("ghcr.io");
});
