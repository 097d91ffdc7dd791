import type { ParsedNotifications } from "@drayage/oci-core";
import { describe, expect, it } from "vitest";
import { parseNotifications } from "./parse.ts";

/** What the table of fixtures does not show: bodies that are odd, sender by sender. */

const parse = (document: unknown, headers: Readonly<Record<string, string>> = {}): ParsedNotifications =>
  parseNotifications({ headers, body: Buffer.from(JSON.stringify(document)) });

/** The names that were found, and the warnings; or the refusal. */
const told = (parsed: ParsedNotifications) =>
  parsed._tag === "Unparseable"
    ? parsed.reason
    : {
        names: parsed.notifications.map((notification) =>
          notification._tag === "Promoted"
            ? ""
            : notification._tag === "Changed"
              ? `Changed ${notification.repository}`
              : `${notification._tag} ${notification.repository}:${notification.tag}`,
        ),
        warnings: parsed.warnings,
        ignored: parsed.ignored,
      };
const found = (...names: ReadonlyArray<string>) => ({ names, warnings: [], ignored: [] });
const warned = (...warnings: ReadonlyArray<string>) => ({ names: [], warnings, ignored: [] });
const ignored = (...reasons: ReadonlyArray<string>) => ({ names: [], warnings: [], ignored: reasons });

describe("Harbor", () => {
  const body = (resources: unknown, repository: unknown = { repo_full_name: "team/web" }, type = "PUSH_ARTIFACT") => ({
    type,
    occur_at: 1,
    event_data: { resources, repository },
  });
  const cloudEvent = (data: unknown, type = "harbor.artifact.pushed") => ({ specversion: "1.0", id: "1", type, data });

  it.each([
    ["no resource", body([]), warned("event_data.resources: 0 of them, 1 to 100 are read")],
    ["no list of resources", body(7), warned("event_data.resources: 0 of them, 1 to 100 are read")],
    ["too many", body(new Array(101).fill({})), warned("event_data.resources: 101 of them, 1 to 100 are read")],
    ["no repository", body([{ tag: "a" }], null), warned("event_data.repository.repo_full_name: is missing")],
    [
      "a URL for a repository",
      body([{ tag: "a" }], { repo_full_name: "https://evil.example.com/x" }),
      warned('event_data.repository.repo_full_name: "https://evil.example.com/x" is no repository name'),
    ],
    ["a tag that is none", body([{ tag: "a/b" }]), warned('event_data.resources[0].tag: "a/b" is no tag')],
    ["an empty tag", body([{ tag: "" }]), found("Pushed team/web:undefined")],
    ["CloudEvents without data", cloudEvent(undefined), warned("data.resources: 0 of them, 1 to 100 are read")],
    [
      "CloudEvents without a repository",
      cloudEvent({ resources: [{ tag: "a" }] }),
      warned("data.repository.repo_full_name: is missing"),
    ],
    ["a type of no object", body([{ tag: "a" }], {}, "__proto__"), ignored("__proto__")],
    ["a type to come", cloudEvent({}, "harbor.artifact.signed"), ignored("harbor.artifact.signed")],
  ])("%s", (_name, document, expected) => expect(told(parse(document))).toEqual(expected));

  it("one resource that is odd does not spoil the others, and each fact has its own id", () => {
    const event = cloudEvent(
      { resources: [{ tag: "a" }, { tag: "/" }, { tag: "b" }], repository: { repo_full_name: "team/web" } },
      "harbor.artifact.deleted",
    );
    const parsed = parse(event);
    expect(parsed).toMatchObject({ warnings: ['data.resources[1].tag: "/" is no tag'] });
    expect(parsed._tag === "Parsed" ? parsed.notifications.map(({ delivery }) => delivery?.id) : []).toEqual([
      "1",
      "1/1",
      "1/3",
      "1/4",
    ]);
    expect(parse(event)).toEqual(parsed);
  });
});

describe("zot", () => {
  const headers = { "ce-type": "zotregistry.image.updated", "ce-id": "1" };
  it.each([
    ["no data", "x", headers, "name: is missing, the data is no object"],
    ["no name", { reference: "a" }, headers, "name: is missing"],
    ["a name that is none", { name: "../x", reference: "a" }, headers, 'name: "../x" is no repository name'],
    ["a tag that is none", { name: "x", reference: "a b" }, headers, 'reference: "a b" is no tag'],
    ["by digest", { name: "x", reference: `sha256:${"0".repeat(64)}` }, headers, found("Pushed x:undefined")],
    [
      "of another source",
      { name: "x", reference: "a" },
      { "ce-type": "com.example.pushed" },
      expect.stringContaining("says who sends"),
    ],
    [
      "structured, without a name",
      { specversion: "1.0", type: "zotregistry.image.deleted", data: {} },
      {},
      "data.name: is missing",
    ],
    [
      "structured, without data",
      { specversion: "1.0", type: "zotregistry.image.deleted" },
      {},
      "data.name: is missing, the data is no object",
    ],
    [
      "structured, to come",
      { specversion: "1.0", type: "zotregistry.image.signed", data: {} },
      {},
      ignored("image.signed"),
    ],
  ])("%s", (_name, document, given: Record<string, string>, expected) =>
    expect(told(parse(document, given))).toEqual(expected),
  );
});

describe("Quay", () => {
  const body = (updated_tags: unknown, repository: unknown = "ns/web") => ({
    repository,
    docker_url: "quay.io/ns/web",
    updated_tags,
  });
  it.each([
    ["several tags", body(["a", "b"]), found("Pushed ns/web:a", "Pushed ns/web:b")],
    ["tags as a map", body({ a: "id", b: null }), found("Pushed ns/web:a", "Pushed ns/web:b")],
    ["another event", body(undefined), ignored("no updated_tags")],
    ["no tag", body([]), found("Changed ns/web")],
    ["no tag and no name", body([], "../x"), warned('repository: "../x" is no repository name')],
    ["tags that are no list", body("a"), found("Changed ns/web")],
    ["one tag that is odd", body([7, "a"]), { ...found("Pushed ns/web:a"), warnings: ["updated_tags[0]: is no text"] }],
    ["a name that is none", body(["a"], "NS/web"), warned('repository: "NS/web" is no repository name')],
  ])("%s", (_name, document, expected) => expect(told(parse(document))).toEqual(expected));

  it("more tags than any push has are cut, with a warning", () => {
    const parsed = parse(body(Array.from({ length: 1001 }, (_, nth) => `v${nth}`)));
    expect(parsed._tag === "Parsed" ? parsed.notifications.length : 0).toBe(1000);
    expect(parsed).toMatchObject({ warnings: ["updated_tags: 1001 tags, 1000 are read"] });
  });
});

describe("Docker Hub", () => {
  const body = (push_data: unknown, repository: unknown = { repo_name: "ns/web" }) => ({ push_data, repository });
  it.each([
    ["a time with a fraction", body({ tag: "a", pushed_at: 1.5 }), found("Pushed ns/web:a")],
    ["no tag", body({}), found("Changed ns/web")],
    ["no name", body({ tag: "a" }, {}), warned("repository.repo_name: is missing")],
  ])("%s", (_name, document, expected) => expect(told(parse(document))).toEqual(expected));
});

describe("Azure Container Registry", () => {
  const target = { repository: "team/web", tag: "a", mediaType: "application/vnd.oci.image.manifest.v1+json" };
  it.each([
    ["a push by digest", { action: "push", target: { ...target, tag: undefined } }, found("Pushed team/web:undefined")],
    ["no repository", { action: "delete", target: {} }, warned("target.repository: is missing")],
    ["quarantine", { action: "quarantine", target }, ignored("action quarantine")],
    ["fields of another kind", { action: "push", target: { ...target, tag: 7 } }, found("Pushed team/web:undefined")],
  ])("%s", (_name, document, expected) => expect(told(parse(document))).toEqual(expected));
});

describe("GitHub", () => {
  const version = (package_url: string, name = "") => ({ package_url, container_metadata: { tag: { name } } });
  const pkg = (more: object) => ({ name: "Web", package_type: "container", owner: { login: "Acme" }, ...more });
  const body = (more: object, action: unknown = "published") => ({ action, package: pkg(more) });
  const headers = { "x-github-event": "package" };
  it.each([
    ["an upper-case name", body({ package_version: version("ghcr.io/Acme/Web:1", "1") }), found("Pushed acme/web:1")],
    ["a name with a slash", body({ package_version: version("ghcr.io/acme/a/b:1", "1") }), found("Pushed acme/a/b:1")],
    ["no URL", body({ package_version: {} }), found("Changed acme/web")],
    ["a URL elsewhere", body({ package_version: version("evil.example.com/acme/x:1") }), found("Changed acme/web")],
    ["a URL of another owner", body({ package_version: version("ghcr.io/evil/x:1") }), found("Changed acme/web")],
    ["the host in the middle", body({ package_version: version("x/ghcr.io/acme/x:1") }), found("Changed acme/web")],
    [
      "the registry before GHCR",
      body({ package_version: version("docker.pkg.github.com/acme/web/x:1") }),
      ignored("package on docker.pkg.github.com"),
    ],
    ["npm", body({ package_type: "npm", ecosystem: "npm" }), ignored("package of type npm npm")],
    ["another action", body({}, "deleted"), ignored("action deleted")],
    ["no action", body({}, 7), "action: is missing"],
    ["no owner", body({ owner: {} }), "package.owner.login: is missing"],
    ["no name", body({ name: 7 }), "package.name: is missing"],
    ["no package", { action: "published" }, "package: is missing"],
    ["no object", 7, "package: is missing"],
    [
      "a tag that is none",
      body({ package_version: version("ghcr.io/acme/web:a b", "a b") }),
      'package.package_version.container_metadata.tag.name: "a b" is no tag',
    ],
  ])("%s", (_name, document, expected) => expect(told(parse(document, headers))).toEqual(expected));

  it("another event of GitHub is of no interest, whatever is in it", () => {
    expect(told(parse({ events: [] }, { "x-github-event": "push" }))).toEqual(ignored("event push"));
  });
});
