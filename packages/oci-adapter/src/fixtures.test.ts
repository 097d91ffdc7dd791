import { readdirSync, readFileSync } from "node:fs";
import type { NotificationRequest, ParsedNotifications } from "@drayage/oci-core";
import { parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseNotifications, SENDERS } from "./parse.ts";
import { readDocument } from "./wire.ts";

const folder = new URL("./fixtures/", import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".json"));
const jsonOf = (path: string) => JSON.parse(readFileSync(new URL(path, folder), "utf8"));

const DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/** A fixture as the request that its sender makes. */
const requestOf = (path: string): NotificationRequest => {
  const value = jsonOf(path);
  if (path.startsWith("zot/") && "headers" in value) {
    const headers = Object.entries<string>(value.headers).map(([name, text]) => [name.toLowerCase(), text]);
    return { headers: Object.fromEntries(headers), body: Buffer.from(JSON.stringify(value.body)) };
  }
  const event = /^ghcr\/(package|registry_package|ping)\./.exec(path)?.[1];
  const headers = event === undefined ? {} : { "x-github-event": event, "x-github-delivery": DELIVERY };
  return { headers, body: Buffer.from(JSON.stringify(value)) };
};
const parse = (path: string): ParsedNotifications => parseNotifications(requestOf(path));
const sendersOf = ({ headers, body }: NotificationRequest): ReadonlyArray<string> => {
  const read = readDocument(body);
  if (read === undefined) return [];
  return SENDERS.filter((sender) => sender.recognises({ headers, document: read.document })).map(({ name }) => name);
};

const docker = "application/vnd.docker.distribution.manifest.v2+json";
const image = "application/vnd.oci.image.manifest.v1+json";
const index = "application/vnd.oci.image.index.v1+json";
const at = (text: string) => ({ time: new Date(text) });

/** Harbor. */
const ALPINE = "sha256:954b378c375d852eb3c63ab88978f640b4348b01c1b3456a024a81536dafbbf4";
const OLD = "sha256:2bb501e6173d9d006e56de5bce2720eb06396803300fe1687b58a7ff32bf4c14";
const alpine = { _tag: "Pushed", repository: "harbor/alpine", digest: ALPINE };
const gone = (delivery: object, nth: object = {}) => [
  { _tag: "Deleted", repository: "harbor/alpine", tag: "3.8", digest: OLD, delivery },
  { _tag: "Deleted", repository: "harbor/alpine", digest: OLD, delivery: { ...delivery, ...nth } },
];
const jobservice = (text: string) => ({ ...at(text), actor: "harbor-jobservice" });
/** zot. */
const ZOT = "sha256:4c30a98accc205dedfc92207d49038a79b2d8f318517e4c96eead82bcba53c9c";
const zot = (nth: number) => ({
  repository: "team/web",
  digest: ZOT,
  delivery: { id: `3f0b1c9e-7c61-4a5e-9d53-0d2a4e8a1b0${nth}`, ...at("2026-05-01T10:00:00.123Z"), actor: "ci" },
});
/** GitHub. */
const WEB = "sha256:1b30d2f6c4c1d35bfe1d5a5f0d3d6a2b4f7e8c9d0a1b2c3d4e5f60718293a4b5";
const web = {
  _tag: "Pushed",
  repository: "example-org/web",
  digest: WEB,
  mediaType: image,
  delivery: { id: DELIVERY, actor: "ci-bot" },
};
const hello = { _tag: "Changed", repository: "codertocat/hello-world" };
const quay = (tag: string) => ({ _tag: "Pushed", repository: "mynamespace/repository", tag, delivery: {} });

/** For each file: the notifications; why it is of no interest; or why nobody sends it. */
type Expected = ReadonlyArray<object> | { readonly ignored: string } | { readonly unparseable: string };
const NOBODY = { unparseable: "nothing else says who sends" };

const TABLE: Readonly<Record<string, Expected>> = {
  "acr/chart_delete.documented.json": { ignored: "action chart_delete" },
  "acr/chart_push.documented.json": { ignored: "action chart_push" },
  // The documentation masks the digest with x, so that it is none.
  "acr/delete.documented.json": [
    {
      _tag: "Deleted",
      repository: "hello-world",
      delivery: { id: "afc359ce-df7f-4e32-xxxx-1ff8aa80927b", ...at("2017-11-17T16:54:53.657Z") },
    },
  ],
  "acr/ping.minimal.synthesised.json": { ignored: "ping" },
  "acr/push.documented.json": [
    {
      _tag: "Pushed",
      repository: "hello-world",
      tag: "v1",
      digest: "sha256:80f0d5c8786bb9e621a45ece0db56d11cdc624ad20da9fe62e9d25490f331d7d",
      mediaType: docker,
      delivery: { id: "cb8c3971-9adc-488b-bdd8-43cbb4974ff5", ...at("2017-11-17T16:52:01.343Z") },
    },
  ],
  "acr/push.oci-index.synthesised.json": [
    {
      _tag: "Pushed",
      repository: "team/web",
      tag: "1.4.2",
      digest: "sha256:42b526eda7ef7b19a51f97f059ae2eb3134183709e0ff649a36722d5479be367",
      mediaType: index,
      delivery: { id: "5d2f7f0c-36e0-4b6b-9d0c-0f6f2f0b7a11", ...at("2026-05-01T10:00:00.123Z") },
    },
  ],

  "dockerhub/push.current-fields.synthesised.json": [
    {
      _tag: "Pushed",
      repository: "example/web",
      tag: "1.4.2",
      mediaType: index,
      delivery: { ...at("2026-08-06T07:06:40Z"), actor: "example" },
    },
  ],
  "dockerhub/push.documented.json": [
    {
      _tag: "Pushed",
      repository: "svendowideit/testhook",
      tag: "latest",
      delivery: { ...at("2014-12-03T00:22:41Z"), actor: "trustedbuilder" },
    },
  ],

  // No body: the vectors of github.test.ts.
  "ghcr/delivery.headers-and-signature.vectors.json": NOBODY,
  // `package_type` npm and `ecosystem` docker, as GitHub prints it; the tag is empty.
  "ghcr/package.published.docker.documented-trimmed.json": [
    { ...hello, reason: "a push that names no tag", delivery: { id: DELIVERY, actor: "Codertocat" } },
  ],
  "ghcr/package.published.tagged.synthesised.json": [{ ...web, tag: "1.4.2" }],
  "ghcr/package.updated.moved-tag.synthesised.json": [{ ...web, tag: "latest" }],
  "ghcr/ping.synthesised.json": { ignored: "ping" },
  "ghcr/registry_package.published.docker.documented-trimmed.json": [
    { ...hello, reason: "a push that names no tag", delivery: { id: DELIVERY, actor: "github-actions[bot]" } },
  ],
  "ghcr/registry_package.published.nested-name.synthesised.json": [
    { ...web, repository: "example-org/team/web", tag: "1.4.2" },
  ],
  "ghcr/registry_package.published.untagged.synthesised.json": [
    { _tag: "Changed", repository: "example-org/web", reason: "a push that names no tag", delivery: web.delivery },
  ],

  "harbor/delete-artifact.cloudevents.documented.json": gone(
    { id: "343f1623-7cba-487c-88f1-c5ebf55e93aa", ...jobservice("2023-04-03T06:16:38Z") },
    { id: "343f1623-7cba-487c-88f1-c5ebf55e93aa/1" },
  ),
  "harbor/delete-artifact.default.documented.json": gone(jobservice("2023-04-03T06:16:38Z")),
  "harbor/delete-artifact.untagged.default.synthesised.json": [
    {
      _tag: "Deleted",
      repository: "team/sub/web",
      digest: ALPINE,
      delivery: { ...at("2026-08-06T07:08:20Z"), actor: "admin" },
    },
  ],
  "harbor/pull-artifact.cloudevents.documented.json": { ignored: "harbor.artifact.pulled" },
  "harbor/pull-artifact.default.documented.json": { ignored: "PULL_ARTIFACT" },
  // `tag` is the digest: there is none.
  "harbor/push-artifact.cloudevents.documented.json": [
    {
      ...alpine,
      delivery: { id: "66e18103-09c1-41f6-982f-37df223f3eeb", ...jobservice("2023-04-03T06:04:46Z") },
    },
  ],
  "harbor/push-artifact.default.documented.json": [{ ...alpine, delivery: jobservice("2023-04-03T06:04:53Z") }],
  "harbor/push-artifact.tagged-nested.default.synthesised.json": [
    {
      _tag: "Pushed",
      repository: "team/sub/web",
      tag: "1.4.2",
      digest: ALPINE,
      delivery: { ...at("2026-08-06T07:06:40Z"), actor: "robot$team+ci" },
    },
  ],
  "harbor/quota-exceed.cloudevents.documented.json": { ignored: "harbor.quota.exceeded" },
  "harbor/quota-exceed.default.documented.json": { ignored: "QUOTA_EXCEED" },
  "harbor/replication.cloudevents.documented.json": { ignored: "harbor.replication.status.changed" },
  "harbor/replication.default.documented.json": { ignored: "REPLICATION" },
  "harbor/replication.failed.default.synthesised.json": { ignored: "REPLICATION" },
  "harbor/scanning-completed.cloudevents.documented.json": { ignored: "harbor.scan.completed" },
  "harbor/scanning-completed.default.documented.json": { ignored: "SCANNING_COMPLETED" },
  "harbor/tag-retention.cloudevents.documented.json": { ignored: "harbor.tag_retention.finished" },
  "harbor/tag-retention.default.documented.json": { ignored: "TAG_RETENTION" },

  "quay/repo_push.documented.json": [quay("latest")],
  "quay/repo_push.old-map-form.synthesised.json": [quay("latest")],
  // What the test button sends looks like a push: a look at a repository that nobody has.
  "quay/repo_push.test-button.synthesised.json": [quay("latest"), quay("foo")],

  // The configuration of zot, no notification.
  "zot/config.events-http.synthesised.json": NOBODY,
  "zot/image.deleted.tag.http.synthesised.json": [{ _tag: "Deleted", tag: "1.4.2", ...zot(4) }],
  "zot/image.updated.digest.http.synthesised.json": [{ _tag: "Pushed", mediaType: image, ...zot(3) }],
  "zot/image.updated.tag.http.synthesised.json": [{ _tag: "Pushed", tag: "1.4.2", mediaType: image, ...zot(2) }],
  "zot/image.updated.tag.nats-structured.synthesised.json": [
    { _tag: "Pushed", tag: "1.4.2", mediaType: image, ...zot(2) },
  ],
  "zot/repository.created.http.synthesised.json": { ignored: "repository.created" },
};

describe("every fixture", () => {
  it.each(Object.entries(TABLE))("%s", (path, expected) => {
    const parsed = parse(path);
    if ("unparseable" in expected) {
      expect(parsed).toEqual({ _tag: "Unparseable", reason: expect.stringContaining(expected.unparseable) });
    } else {
      const [notifications, ignored] = "ignored" in expected ? [[], [expected.ignored]] : [expected, []];
      expect(parsed).toEqual({ _tag: "Parsed", notifications, ignored, warnings: [] });
    }
  });

  it("has a row", () => {
    // Those of distribution have their own table, in distribution.test.ts.
    expect(Object.keys(TABLE).sort()).toEqual(files.filter((path) => !path.startsWith("distribution/")).sort());
  });

  it.each(files)("%s is of one sender at most", (path) => {
    const expected = {
      acr: "Azure Container Registry",
      distribution: "CNCF distribution",
      dockerhub: "Docker Hub",
      ghcr: "GitHub (GHCR)",
      harbor: "Harbor",
      quay: "Quay",
      zot: "zot",
    }[path.split("/", 1)[0] ?? ""];
    const nobody = TABLE[path] === NOBODY || path.endsWith("request.headers.captured.json");
    expect(sendersOf(requestOf(path))).toEqual(nobody ? [] : [expected]);
  });

  it("of GitHub is known by its body too, and then has no id", () => {
    for (const path of files.filter((file) => /^ghcr\/\w*package\./.test(file))) {
      const bare = parseNotifications({ ...requestOf(path), headers: {} });
      const [full] = [parse(path)];
      expect(bare).toEqual(JSON.parse(JSON.stringify(full).replace(`"id":"${DELIVERY}",`, "")));
    }
  });

  it("of one delivery has ids of its own for each fact", () => {
    for (const path of files) {
      const parsed = parse(path);
      const ids =
        parsed._tag === "Parsed"
          ? parsed.notifications.flatMap(({ delivery }) => (delivery?.id === undefined ? [] : [delivery.id]))
          : [];
      expect(new Set(ids).size, path).toBe(ids.length);
    }
  });

  it("gives no host, address or URL away", () => {
    const told = JSON.stringify(files.map(parse));
    expect(told).not.toMatch(/https?:|localhost|example\.com|ghcr\.io|quay\.io|azurecr|hub\.docker|192\.0\.2/);
  });
});

describe("whatever is put in the place of any field", () => {
  const anyFile = fc.constantFrom(...files);
  /** A fixture in which one value, at any depth, is another. */
  const spoilt = fc.tuple(anyFile, fc.nat(), fc.oneof(fc.jsonValue(), fc.string())).map(([path, nth, other]) => {
    const request = requestOf(path);
    const document: unknown = JSON.parse(Buffer.from(request.body).toString());
    const slots: Array<() => void> = [];
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, child] of Object.entries(value)) {
        slots.push(() => Object.assign(value, { [key]: other }));
        walk(child);
      }
    };
    walk(document);
    slots[nth % slots.length]?.();
    return { ...request, body: Buffer.from(JSON.stringify(document)) };
  });

  it("nothing is thrown, and every name is one", () => {
    fc.assert(
      fc.property(spoilt, (request) => {
        const parsed = parseNotifications(request);
        if (parsed._tag === "Unparseable") return parsed.reason !== "";
        return parsed.notifications.every((notification) => {
          if (notification._tag === "Promoted") return false;
          const { repository } = notification;
          const { tag, digest } = notification._tag === "Changed" ? {} : notification;
          return (
            parseRepositoryName(repository) === repository &&
            (tag === undefined || parseTag(tag) === tag) &&
            (digest === undefined || parseDigest(digest) === digest)
          );
        });
      }),
      { numRuns: 500 },
    );
  });
});
