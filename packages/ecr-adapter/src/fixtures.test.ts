import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseEventBridge } from "./parse.ts";

const FOLDER = join(import.meta.dirname, "fixtures");
const read = (file: string): unknown => JSON.parse(readFileSync(join(FOLDER, file), "utf8"));
const parse = (document: unknown, where = { account: "123456789012", region: "us-west-2", isPublic: false }) =>
  parseEventBridge({ headers: {}, body: Buffer.from(JSON.stringify(document)) }, where);

const FRANKFURT = { account: "123456789012", region: "eu-central-1", isPublic: false };
const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const ignored = (why: string) => ({ _tag: "Parsed", notifications: [], ignored: [why] });
const warned = (why: RegExp) => ({ notifications: [], warnings: [expect.stringMatching(why)] });
/** Documented sample digests are not 64 hex digits, so they count as absent. */
const documented = (_tag: "Pushed" | "Deleted", id: string) => ({
  notifications: [{ _tag, repository: "my-repository-name", tag: "latest", digest: undefined, delivery: { id } }],
});

/** Every fixture, and what it is to us. */
const TABLE: Readonly<Record<string, () => void>> = {
  "image-action.push.documented.json": () =>
    expect(parse(read("image-action.push.documented.json"))).toMatchObject(
      documented("Pushed", "13cde686-328b-6117-af20-0e5566167482"),
    ),
  "image-action.delete.documented.json": () =>
    expect(parse(read("image-action.delete.documented.json"))).toMatchObject(
      documented("Deleted", "dd3b46cb-2c74-f49e-393b-28286b67279d"),
    ),
  "image-action.push.tagged-index.captured.json": () =>
    expect(parse(withPlace("image-action.push.tagged-index.captured.json"), FRANKFURT)).toMatchObject({
      notifications: [{ _tag: "Pushed", repository: "soci-index-test-repo", tag: "v4-soci", mediaType: INDEX }],
    }),
  "image-action.push.untagged-child.captured.json": () =>
    expect(parse(withPlace("image-action.push.untagged-child.captured.json"), FRANKFURT)).toMatchObject({
      notifications: [{ _tag: "Pushed", repository: "soci-index-test-repo", tag: undefined, mediaType: MANIFEST }],
    }),
  // A change of the storage class moves no tag.
  "image-action.archive.documented.json": () =>
    expect(parse(withPlace("image-action.archive.documented.json"), FRANKFURT)).toMatchObject(
      ignored('action "UPDATE_STORAGE_CLASS"'),
    ),
  "image-action.restore.documented.json": () =>
    expect(parse(withPlace("image-action.restore.documented.json"), FRANKFURT)).toMatchObject(
      ignored('action "UPDATE_STORAGE_CLASS"'),
    ),
  "referrer-action.restore.documented.json": () =>
    expect(parse(withPlace("referrer-action.restore.documented.json"), FRANKFURT)).toMatchObject(
      ignored('"ECR Referrer Action": of no interest'),
    ),
  "replication-action.success.documented.json": () =>
    expect(parse(withPlace("replication-action.success.documented.json"), FRANKFURT)).toMatchObject({
      notifications: [{ _tag: "Pushed" }],
    }),
  "replication-action.failed.documented.json": () =>
    expect(parse(withPlace("replication-action.failed.documented.json"), FRANKFURT)).toMatchObject(
      ignored("a replication that failed"),
    ),
  "image-scan.complete.documented.json": () =>
    expect(parse(withPlace("image-scan.complete.documented.json"), FRANKFURT)).toMatchObject(
      ignored('"ECR Image Scan": of no interest'),
    ),
  "scan-resource-change.documented.json": () =>
    expect(parse(withPlace("scan-resource-change.documented.json"), FRANKFURT)).toMatchObject(
      ignored('"ECR Scan Resource Change": of no interest'),
    ),
  "pull-through-cache-action.success.documented.json": () =>
    expect(parse(withPlace("pull-through-cache-action.success.documented.json"), FRANKFURT)).toMatchObject(
      ignored('"ECR Pull Through Cache Action": of no interest'),
    ),
  "api-destination.request.synthesised.json": () =>
    expect(parse((read("api-destination.request.synthesised.json") as { readonly body: unknown }).body)).toMatchObject(
      documented("Pushed", "13cde686-328b-6117-af20-0e5566167482"),
    ),
  "sqs.message.synthesised.json": () => {
    const { Body } = read("sqs.message.synthesised.json") as { readonly Body: string };
    expect(parse(JSON.parse(Body), FRANKFURT)).toMatchObject({
      notifications: [{ repository: "soci-index-test-repo", tag: "v4-soci" }],
    });
  },
  "sqs.dlq-message.synthesised.json": () => {
    const { Body } = read("sqs.dlq-message.synthesised.json") as { readonly Body: string };
    expect(parse(JSON.parse(Body), FRANKFURT)).toMatchObject({ notifications: [{ _tag: "Pushed" }] });
  },
  // A transformed event has lost what tells where it comes from: kept and counted, never believed.
  "api-destination.input-transformer.synthesised.json": () =>
    expect(parse(read("api-destination.input-transformer.synthesised.json"))).toMatchObject(
      warned(/input transformer/),
    ),
  // A pattern of a rule, and no event.
  "rule.event-pattern.synthesised.json": () =>
    expect(parse(read("rule.event-pattern.synthesised.json"))).toMatchObject(warned(/source/)),
};

/** The sample as it is, but of the account and region of the test: documents name several. */
const withPlace = (file: string): unknown => ({
  ...(read(file) as object),
  account: FRANKFURT.account,
  region: FRANKFURT.region,
  source: "aws.ecr",
});

describe("every fixture is read, or left alone for a reason", () => {
  it.each(Object.entries(TABLE))("%s", (_file, check) => check());

  it("the table has a row for each file", () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
    expect(Object.keys(TABLE).toSorted()).toEqual(files.toSorted());
  });
});

describe("what is not of this registry, or no event", () => {
  const push = read("image-action.push.documented.json") as object;
  it.each([
    ["another account", { ...push, account: "999999999999" }],
    ["another region", { ...push, region: "eu-west-1" }],
  ])("%s is left alone", (_what, document) => {
    expect(parse(document)).toMatchObject({ notifications: [], ignored: [expect.stringMatching(/^event of/)] });
  });

  it.each([
    ["no JSON", "{", /no JSON/],
    [
      "a repository that is no name",
      { ...push, detail: { result: "SUCCESS", "action-type": "PUSH", "repository-name": "A B" } },
      /repository-name/,
    ],
    [
      "a tag that is none",
      { ...push, detail: { result: "SUCCESS", "action-type": "PUSH", "repository-name": "a/b", "image-tag": "-x" } },
      /image-tag/,
    ],
  ])("%s is a warning, since EventBridge would bring it again for a day", (_what, document, why) => {
    const body = typeof document === "string" ? document : JSON.stringify(document);
    const where = { account: "123456789012", region: "us-west-2", isPublic: false };
    expect(parseEventBridge({ headers: {}, body: Buffer.from(body) }, where)).toMatchObject(warned(why));
  });
});
