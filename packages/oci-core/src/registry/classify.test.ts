import { describe, expect, it } from "vitest";
import { classify } from "./classify.ts";
import { RegistryError } from "./errors.ts";

describe("classify", () => {
  it.each([
    // status, code, topic, reason
    [404, "MANIFEST_UNKNOWN", "manifest", "not-found"],
    [404, "BLOB_UNKNOWN", "blob", "not-found"],
    [404, "NAME_UNKNOWN", "manifest", "repository-unknown"],
    [404, "NOT_FOUND", "manifest", "repository-unknown"],
    [404, undefined, "manifest", "invalid-response"],
    [404, "SOMETHING", "manifest", "invalid-response"],
    [401, "UNAUTHORIZED", "manifest", "unauthorized"],
    [401, "DENIED", "manifest", "unauthorized"],
    [403, "DENIED", "manifest", "denied"],
    [403, "UNAUTHORIZED", "manifest", "denied"],
    [429, "TOOMANYREQUESTS", "manifest", "rate-limited"],
    [429, "DENIED", "manifest", "rate-limited"],
    [400, "TOOMANYREQUESTS", "manifest", "rate-limited"],
    [500, "UNKNOWN", "manifest", "unavailable"],
    [503, undefined, "manifest", "unavailable"],
    [522, undefined, "manifest", "unavailable"],
    [408, undefined, "manifest", "unavailable"],
    [425, undefined, "manifest", "unavailable"],
    [400, "MANIFEST_INVALID", "manifest", "invalid-request"],
    [400, "MANIFEST_BLOB_UNKNOWN", "manifest", "content-missing"],
    [404, "MANIFEST_BLOB_UNKNOWN", "manifest", "content-missing"],
    [400, "DIGEST_INVALID", "manifest", "invalid-request"],
    [400, "DIGEST_INVALID", "upload", "digest-mismatch"],
    [400, "SIZE_INVALID", "upload", "digest-mismatch"],
    [404, "BLOB_UPLOAD_UNKNOWN", "upload", "upload-lost"],
    [416, "BLOB_UPLOAD_INVALID", "upload", "upload-lost"],
    [416, undefined, "upload", "upload-lost"],
    [416, undefined, "blob", "invalid-response"],
    [405, "UNSUPPORTED", "manifest", "unsupported"],
    [400, "UNSUPPORTED", "manifest", "unsupported"],
    [405, undefined, "manifest", "unsupported"],
    [409, "TAG_IMMUTABLE", "manifest", "conflict"],
    [412, "PRECONDITION", "manifest", "conflict"],
    [413, undefined, "manifest", "too-large"],
    [415, undefined, "manifest", "invalid-request"],
    [302, undefined, "manifest", "invalid-response"],
    [200, undefined, "manifest", "invalid-response"],
  ] as const)("%s %s of a %s is %s", (status, code, topic, reason) => {
    expect(classify(status, code, topic)).toBe(reason);
  });
  it("knows two registries' words for an immutable tag", () => {
    expect(classify(400, "TAG_INVALID", "manifest", "The image tag '1' already exists and the tag is immutable.")).toBe(
      "conflict",
    );
    expect(classify(400, "TAG_INVALID", "manifest", "bad tag")).toBe("invalid-request");
    expect(classify(400, undefined, "manifest", "repository has enabled tag immutability")).toBe("conflict");
  });
});

it("an error says what, where and why in one line", () => {
  const error = new RegistryError({
    registry: "lab",
    operation: "GET manifest",
    reference: "a/b:c",
    reason: "denied",
    detail: "no right",
    status: 403,
    code: "DENIED",
  });
  expect(error.message).toBe("GET manifest lab/a/b:c: denied (403 DENIED): no right");
});
