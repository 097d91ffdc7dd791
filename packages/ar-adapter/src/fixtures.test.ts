import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ParsedNotifications } from "@drayage/oci-core";
import { describe, expect, it } from "vitest";
import type { Place } from "./locate.ts";
import { parseArtifactRegistry } from "./parse.ts";
import { readDockerImages, readOperation, readPackages, readTagsList } from "./wire.ts";

const FOLDER = fileURLToPath(new URL("fixtures/", import.meta.url));
const WEST: Place = { host: "us-west1-docker.pkg.dev", location: "us-west1", project: "my-project" };
const US: Place = { host: "us-docker.pkg.dev", location: "us", project: "my-project" };
const DIGEST = "sha256:c05b98694abd752e84e75bec5505a5219dda583127b1533f9d91060d0ebab5ae";

const document = (name: string): unknown => JSON.parse(readFileSync(`${FOLDER}${name}`, "utf8"));
const parse = (place: Place, body: unknown): ParsedNotifications =>
  parseArtifactRegistry(place, { headers: {}, body: Buffer.from(JSON.stringify(body)) });
/** One line of what came of it. */
const told = (parsed: ParsedNotifications): string => {
  if (parsed._tag === "Unparseable") return `unparseable: ${parsed.reason}`;
  const [first] = parsed.notifications;
  if (first === undefined) return parsed.warnings?.[0] ?? `ignored: ${parsed.ignored[0]}`;
  if (first._tag !== "Pushed" && first._tag !== "Deleted") return first._tag;
  return [first._tag, first.repository, first.tag, first.digest?.slice(0, 11)].filter(Boolean).join(" ");
};

/** What a fixture is: a notification with what comes of it, or an answer of the API that is read; or why it is not for a reader. */
type Row =
  | { readonly place?: Place; readonly told: string; readonly body?: (document: unknown) => unknown }
  | { readonly read: (document: unknown) => unknown }
  | { readonly not: string };

const message = (value: unknown): unknown => {
  const [first] = (value as { readonly receivedMessages: ReadonlyArray<unknown> }).receivedMessages;
  return first;
};
const NOT_OURS = "message.data: no notification of Artifact Registry; subscribe to the topic gcr";
const ANSWER = { not: "an answer of the distribution API, which the standard client reads and classifies" } as const;
const FLOW = { not: "a flow of requests, which the personality plays" } as const;
const IDENTITY = { not: "read by Google's library" } as const;
const body = (value: unknown): unknown => (value as { readonly body: unknown }).body;

const TABLE: Readonly<Record<string, Row>> = {
  "api.docker-images.list.captured-shape.json": { read: readDockerImages },
  "api.docker-images.list.index.synthesised.json": { read: readDockerImages },
  "api.operation.synthesised.json": {
    read: (value) => (value as ReadonlyArray<unknown>).every((one) => readOperation(one) !== undefined) || undefined,
  },
  "api.packages.list.synthesised.json": { read: readPackages },
  "api.repository.create.request.synthesised.json": { not: "a request of ours" },
  "api.repository.get.synthesised.json": { not: "that it is there is all that is asked" },
  "api.tags.list.synthesised.json": { not: "dockerImages tells the same of a whole repository" },
  "api.versions.list.full.synthesised.json": { not: "dockerImages tells the same of a whole repository" },
  "error.400.dangling-parent.2022.captured.json": ANSWER,
  "error.400.dangling-parent.2023.captured.json": ANSWER,
  "error.400.dangling-tag.2026.captured.json": ANSWER,
  "error.400.dangling-tag.gcr-2018.captured.json": ANSWER,
  "error.400.immutable-tag.unverified-status.json": ANSWER,
  "error.400.name-invalid.one-component.observed.json": ANSWER,
  "error.401.bad-credential.observed.json": ANSWER,
  "error.401.ping.observed.json": ANSWER,
  "error.401.repository.pull.observed.json": ANSWER,
  "error.401.repository.push.observed.json": ANSWER,
  "error.403.denied-anonymous.observed.json": ANSWER,
  "error.403.denied.observed.json": ANSWER,
  "error.404.manifest-unknown.synthesised.json": ANSWER,
  "error.429.quota.captured.json": ANSWER,
  "flow.blob-get.redirect.observed.json": FLOW,
  "flow.blob-mount.documented.json": FLOW,
  "flow.blob-upload.monolithic-put.observed.json": FLOW,
  "flow.blob-upload.single-patch.observed.json": FLOW,
  "flow.referrers.get.synthesised.json": FLOW,
  "identity.external-account.aws.documented.json": IDENTITY,
  "identity.external-account.oidc-file.documented.json": IDENTITY,
  "identity.metadata-token.documented.json": IDENTITY,
  "notify.delete.digest.unverified.json": { told: "Deleted my-repo/hello-world sha256:c05b" },
  "notify.delete.gcr-io.tag.documented.json": { place: US, told: "Deleted gcr.io/hello-world 1.1" },
  "notify.delete.tag.documented.json": { told: "Deleted my-repo/hello-world 1.1" },
  "notify.insert.cosign-signature.synthesised.json": {
    told: `Pushed my-repo/hello-world ${DIGEST.replace(":", "-")}.sig sha256:adb5`,
  },
  "notify.insert.digest-and-tag.documented.json": { told: "Pushed my-repo/hello-world 1.1 sha256:c05b" },
  "notify.insert.digest-only.documented.json": { told: "Pushed my-repo/hello-world sha256:c05b" },
  "notify.insert.domain-scoped-project.unverified.json": {
    place: { ...WEST, project: "example.com:my-project" },
    told: "Pushed my-repo/hello-world 1.1 sha256:c05b",
  },
  "notify.insert.gcr-io-repo-on-pkg-dev.unverified.json": {
    place: { ...US, host: "gcr.io" },
    told: "Pushed hello-world 1.1 sha256:c05b",
  },
  "notify.insert.gcr-io.documented.json": { place: US, told: "Pushed gcr.io/hello-world 1.1 sha256:c05b" },
  "notify.insert.multi-arch-sequence.synthesised.json": {
    told: "neither a message of Pub/Sub nor a notification of Artifact Registry",
  },
  "notify.insert.nested-image.synthesised.json": {
    told: "Pushed my-repo/team-a/api/server 2026.11.21 sha256:c05b",
  },
  "notify.insert.regional-endpoint.unverified.json": { told: "Pushed my-repo/hello-world 1.1 sha256:c05b" },
  "notify.parser-cases.synthesised.json": { not: "many cases, in a test of their own below" },
  "notify.pull-response.insert.captured.json": { body: message, told: "Pushed my-repo/hello-world 1.1 sha256:c05b" },
  "notify.push-envelope.insert.synthesised.json": { told: "Pushed my-repo/hello-world 1.1 sha256:c05b" },
  "pubsub.dead-letter.message.observed.json": {
    told: "neither a message of Pub/Sub nor a notification of Artifact Registry",
  },
  "pubsub.push-emulator.unwrapped.observed.json": {
    body: (value) => JSON.parse(String(body(value))),
    told: "digest, tag: neither is there",
  },
  "pubsub.push-emulator.wrapped.observed.json": { body, told: "digest, tag: neither is there" },
  "pubsub.push-envelope.wrapped.documented.json": { told: NOT_OURS },
  "pubsub.push-envelope.wrapped.ordered-with-dead-letter.synthesised.json": { told: NOT_OURS },
  "pubsub.push-oidc.jwt-claims.documented.json": { not: "the claims that oidc.test.ts signs" },
  "pubsub.subscription.per-target.create.synthesised.json": { not: "made by whoever sets the project up" },
  "tags-list.empty.synthesised.json": { read: readTagsList },
  "tags-list.gcr-project-level.children.captured.json": { read: readTagsList },
  "tags-list.image.documented.json": { read: readTagsList },
  "tags-list.image.multi-arch-and-untagged.synthesised.json": { read: readTagsList },
  "tags-list.keys-missing.synthesised.json": { read: readTagsList },
  "tags-list.repository-level.children.synthesised.json": { read: readTagsList },
  "token.response.observed.json": ANSWER,
};

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

describe("fixtures", () => {
  it("each has a row, and each row a fixture", () => {
    expect(Object.keys(TABLE).sort()).toEqual(files.sort());
  });

  it.each(Object.entries(TABLE))("%s", (name, row) => {
    const given = document(name);
    if ("told" in row) expect(told(parse(row.place ?? WEST, row.body?.(given) ?? given))).toBe(row.told);
    else if ("read" in row) expect(row.read(withoutNote(given))).toBeDefined();
    else expect(row.not).not.toBe("");
  });

  it("a multi-platform push is a message for each manifest", () => {
    const messages = document("notify.insert.multi-arch-sequence.synthesised.json") as ReadonlyArray<unknown>;
    expect(messages.map((one) => told(parse(WEST, one)))).toEqual([
      "Pushed my-repo/hello-world sha256:f081",
      "Pushed my-repo/hello-world sha256:3693",
      "Pushed my-repo/hello-world 1.1 sha256:c05b",
    ]);
  });

  it("the id and the time of Pub/Sub go with a notification", () => {
    const parsed = parse(WEST, document("notify.push-envelope.insert.synthesised.json"));
    expect(parsed).toMatchObject({
      notifications: [{ delivery: { id: "7309198396944430", time: new Date("2023-03-30T21:56:52.254Z") } }],
    });
  });

  it.each([
    ["another project", { ...WEST, project: "other" }],
    ["another location", { ...WEST, location: "us-east1", host: "us-east1-docker.pkg.dev" }],
    ["a host that only looks like ours", { ...WEST, location: "west1", host: "west1-docker.pkg.dev" }],
  ])("%s is not ours", (_what, place) => {
    const parsed = parse(place, document("notify.insert.digest-and-tag.documented.json"));
    expect(told(parsed)).toBe("ignored: another location or project");
  });

  it("a tag and a digest of two images are a warning, and come no further", () => {
    const host = "us-west1-docker.pkg.dev/my-project/my-repo";
    const parsed = parse(WEST, { action: "INSERT", tag: `${host}/a:1`, digest: `${host}/b@${DIGEST}` });
    expect(told(parsed)).toBe("digest, tag: they name two images");
  });
});

/** Some fixtures keep the answer below `body`, beside a note. */
function withoutNote(given: unknown): unknown {
  return typeof given === "object" && given !== null && "body" in given ? given.body : given;
}

interface Case {
  readonly data: string;
  readonly expect: { readonly kind: string; readonly host?: string; readonly project?: string; readonly tag?: string };
}

describe("cases of the parser", () => {
  const cases = document("notify.parser-cases.synthesised.json") as ReadonlyArray<Case>;
  it.each(cases.map((one): [string, Case] => [`${one.expect.kind}: ${one.data.slice(0, 90)}`, one]))(
    "%s",
    (_name, { data, expect: wanted }) => {
      const place: Place = {
        host: wanted.host ?? WEST.host,
        location: (wanted.host ?? WEST.host).replace(/-docker\.pkg\.dev$/, ""),
        project: (wanted.project ?? WEST.project).replace("/", ":"),
      };
      const parsed = parse(place, { message: { data: Buffer.from(data).toString("base64") } });
      if (parsed._tag === "Unparseable") throw new Error(parsed.reason);
      const [found] = parsed.notifications;
      const KINDS: Readonly<Record<string, string>> = {
        "tag-pushed": "Pushed",
        "manifest-pushed": "Pushed",
        "tag-deleted": "Deleted",
        "manifest-deleted": "Deleted",
      };
      expect(found?._tag).toBe(KINDS[wanted.kind]);
      if (found?._tag === "Pushed" || found?._tag === "Deleted") expect(found.tag).toBe(wanted.tag);
    },
  );
});
