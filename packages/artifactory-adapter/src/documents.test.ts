import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseArtifactory } from "./parse.ts";
import { storedManifest } from "./stored.ts";
import {
  readAqlPage,
  readFoundFiles,
  readHasFolders,
  readParents,
  readRepositories,
  readRepositoryConfig,
  readSubscription,
} from "./wire.ts";

const folder = new URL("./fixtures/", import.meta.url);
const bytes = (name: string): Uint8Array => readFileSync(new URL(`${name}.json`, folder));
const document = (name: string): unknown => JSON.parse(Buffer.from(bytes(name)).toString());
/** `key/image:tag` of each row that is an image, `key/image@` for one without a tag. */
const images = (name: string) =>
  readAqlPage(document(name))?.rows.flatMap((row) => {
    const stored = storedManifest(row);
    return stored === undefined ? [] : [`${stored.repository}${stored.tag === undefined ? "@" : `:${stored.tag}`}`];
  });

const NO_EVENT = "event_type: is missing; a predefined webhook of Artifactory has it";
const NO_OBJECT = "the body is no object";

/**
 * Every other document that Artifactory sends or takes: as a notification each is refused, for this reason; what we read of it where we read it. `undefined`: nobody
 * of us reads it, because the standard client does (tokens, challenges, errors) or because we do not ask for it.
 */
const DOCUMENTS: ReadonlyArray<readonly [name: string, refused: string, read?: unknown, expected?: unknown]> = [
  ["docker.auth-challenge.headers.observed", NO_OBJECT],
  ["docker.catalog.response.documented", NO_EVENT],
  ["docker.manifest-get.headers.observed", NO_EVENT],
  ["docker.tags-list.paged.headers.captured", NO_EVENT],
  ["docker.tags-list.response.synthesised", NO_EVENT],
  ["docker.token.response.7.161.observed", NO_EVENT],
  ["docker.token.response.v2018.documented", NO_EVENT],
  ["error.docker.401-unauthorized.observed", NO_EVENT],
  ["error.docker.404-blob-unknown.observed", NO_EVENT],
  ["error.docker.404-manifest-unknown.observed", NO_EVENT],
  ["error.docker.404-no-tags-found.second-hand", NO_EVENT],
  ["error.rest.400-remote-push.observed", NO_EVENT],
  ["error.rest.401-authentication-required.observed", NO_EVENT],
  ["error.rest.401-bad-credentials.observed", NO_EVENT],
  ["error.rest.403-xray-block.documented", NO_EVENT],
  ["error.rest.404.synthesised", NO_EVENT],
  ["event-api.subscription.create.custom-webhook.request.synthesised", NO_EVENT],
  [
    "event-api.subscription.create.request.synthesised",
    NO_EVENT,
    readSubscription(document("event-api.subscription.create.request.synthesised")),
    { key: "replicate-docker", enabled: true, handlers: [{ use_secret_for_signing: true }] },
  ],
  ["event-api.troubleshooting.record.documented", NO_EVENT],
  [
    "rest.aql.digest-to-tags.response.captured",
    NO_EVENT,
    images("rest.aql.digest-to-tags.response.captured")?.slice(0, 2),
    ["docker-trial/testimage:1.123", "spring-vue-starter-repo/spring-vue-image:90"],
  ],
  [
    "rest.aql.list-tags.last-page-empty.response.synthesised",
    NO_EVENT,
    readAqlPage(document("rest.aql.list-tags.last-page-empty.response.synthesised")),
    { rows: [], trimmed: undefined },
  ],
  ["rest.aql.list-tags.request.synthesised", NO_EVENT],
  [
    "rest.aql.list-tags.response.synthesised",
    NO_EVENT,
    images("rest.aql.list-tags.response.synthesised"),
    [
      "docker-local/team-a/backend/api:2.0.0",
      "docker-local/team-a/backend/api:latest",
      // The manifest that an older push left beside the index.
      "docker-local/team-a/backend/api:latest",
      "docker-local/team-a/backend/api@",
      "docker-local/team-a/backend/api@",
      "docker-local/team-a/backend/api@",
      "docker-local/team-a/frontend:1.2.9",
      "docker-local/web:1.4.2",
    ],
  ],
  [
    "rest.aql.tag-to-digest-with-properties.response.captured",
    NO_EVENT,
    images("rest.aql.tag-to-digest-with-properties.response.captured")?.[0],
    "spring-vue-starter-repo/spring-vue-image:93",
  ],
  [
    "rest.aql.trimmed.response.documented",
    NO_EVENT,
    readAqlPage(document("rest.aql.trimmed.response.documented"))?.trimmed,
    expect.stringContaining("trimmed"),
  ],
  ["rest.docker.delete-multi-arch.request.documented", NO_EVENT],
  ["rest.docker.parent-manifests.request.documented", NO_EVENT],
  [
    "rest.docker.parent-manifests.response.documented",
    NO_EVENT,
    readParents(document("rest.docker.parent-manifests.response.documented"))?.length,
    2,
  ],
  ["rest.docker.promote.request.documented", NO_EVENT],
  ["rest.docker.promote.response.captured", NO_EVENT],
  [
    "rest.repositories.list.response.synthesised",
    NO_OBJECT,
    readRepositories(document("rest.repositories.list.response.synthesised"))?.slice(0, 3),
    [
      { key: "docker-local", type: "local", packageType: "docker" },
      { key: "docker-remote", type: "remote", packageType: "docker" },
      { key: "docker-virtual", type: "virtual", packageType: "docker" },
    ],
  ],
  [
    "rest.repository.local-docker.config.synthesised",
    NO_EVENT,
    readRepositoryConfig(document("rest.repository.local-docker.config.synthesised")),
    [],
  ],
  [
    "rest.search.checksum.response.documented",
    NO_EVENT,
    readFoundFiles(document("rest.search.checksum.response.documented")),
    ["libs-release-local/org/jfrog/build-info-api/1.3.1/build-info-api-1.3.1.jar"],
  ],
  [
    "rest.search.prop.response.synthesised",
    NO_EVENT,
    readFoundFiles(document("rest.search.prop.response.synthesised")),
    ["docker-local/team-a/frontend/1.2.9/manifest.json"],
  ],
  ["rest.storage.file-info.response.synthesised", NO_EVENT],
  ["rest.storage.file-list-deep.response.synthesised", NO_EVENT],
  [
    "rest.storage.folder-info.response.synthesised",
    NO_EVENT,
    readHasFolders(document("rest.storage.folder-info.response.synthesised")),
    true,
  ],
  ["rest.storage.properties.response.captured", NO_EVENT],
  ["rest.system.version.response.synthesised", NO_EVENT],
  // Another product's envelope around a webhook; a webhook of Artifactory comes as it is.
  ["seed1.pubsub-message.json2pubsub.synthesised", NO_EVENT],
  ["seed2.pubsub-push.artifact-registry.synthesised", NO_EVENT],
  // Bodies with signatures over them, each tried in authenticate.test.ts.
  ["webhook.signature.vectors.synthesised", NO_EVENT],
];

const rows = DOCUMENTS.map(([name, refused, read, expected]) => ({ name, refused, read, expected }));
it.each(rows)("$name is no webhook, and is read where it is asked for", ({ name, refused, read, expected }) => {
  expect(parseArtifactory({ headers: {}, body: bytes(name) })).toEqual({ _tag: "Unparseable", reason: refused });
  if (typeof expected === "object") expect(read).toMatchObject(expected as object);
  else expect(read).toEqual(expected);
});

it("every fixture that is no delivery has a row", () => {
  const deliveries = /^(?:docker\.(?:pushed|deleted|promoted)|artifact|destination|release_bundle)/;
  const others = readdirSync(folder).filter((name) => !deliveries.test(name));
  expect(DOCUMENTS.map(([name]) => `${name}.json`).sort()).toEqual(others.sort());
});
