import { readdirSync, readFileSync } from "node:fs";
import type { Notification, ParsedNotifications } from "@drayage/oci-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseArtifactory } from "./parse.ts";
import { makeSources } from "./sources.ts";

const CHILD_DELETED = "sha256:f69162950f235e3cdbbad33f1f912d1a504be90d8a37d002c735d6f3e3882265";
const folder = new URL("./fixtures/", import.meta.url);
const parse = (body: string | Uint8Array): ParsedNotifications =>
  parseArtifactory({ headers: {}, body: Buffer.from(body) });
const sha = (hex: string): string => `sha256:${hex}`;

const FRONTEND = sha("6414a54be134d9aa7a2a7aaa0d4e5039f433181e9cd4c21722f24980915137d6");
const API = sha("1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6");
const WEB = sha("9c11e630879ee9aa3d5aac251ed3226dff41c9418fbba92c47299c80e8bcfdf9");
const UBUNTU = sha("35c4a2c15539c6c1e4e5fa4e554dac323ad0107d8eb5c582d6ff386b383b7dce");
const CHILD = sha("f69162950f235e3cdbbad33f1f912d1a504be90d8a37d002c735d6f3e3882265");
const ubuntu = {
  _tag: "Pushed",
  repository: "docker-remote-cache/library/ubuntu",
  tag: "latest",
  digest: UBUNTU,
  platforms: ["linux/amd64", "linux/arm", "linux/arm64", "linux/ppc64le", "linux/s390x"],
};

describe("fixtures", () => {
  const rows: ReadonlyArray<readonly [string, Record<string, unknown> | string]> = [
    [
      "docker.pushed.single-arch.nested.no-origin.captured",
      { _tag: "Pushed", repository: "docker-myorg-local/myorg-tcd/myorg-tcd-frontend", tag: "1.2.9" },
    ],
    [
      "docker.pushed.single-arch.nested.saas.captured",
      { _tag: "Pushed", repository: "test-repo/foo/bar/busybox", tag: "latest" },
    ],
    [
      "docker.pushed.single-arch.flat-name.synthesised",
      { _tag: "Pushed", repository: "docker-local/web", tag: "1.4.2", digest: WEB },
    ],
    ["docker.pushed.multi-arch.flat-legacy.documented", ubuntu],
    ["docker.pushed.multi-arch.enveloped.documented", ubuntu],
    [
      "docker.pushed.multi-arch.nested.synthesised",
      { repository: "docker-local/team-a/backend/api", tag: "2.0.0", digest: API },
    ],
    [
      "docker.pushed.multi-arch.child-by-digest.synthesised",
      { repository: "docker-local/team-a/backend/api", tag: undefined, digest: CHILD },
    ],
    [
      "docker.pushed.multi-arch.with-attestation-platform.synthesised",
      { tag: "2.0.1", platforms: ["linux/amd64", "linux/arm64"] },
    ],
    [
      "docker.pushed.oci-helm-chart.nested.synthesised",
      { repository: "helm-oci-local/charts/platform/ingress", tag: "4.11.3" },
    ],
    ["docker.pushed.federated-repo.synthesised", { repository: "docker-federated/web", tag: "1.4.2" }],
    ["docker.pushed.with-user-context.synthesised", { tag: "1.4.3", delivery: { actor: "ci-publisher" } }],
    [
      "docker.pushed.with-user-context.token.synthesised",
      { delivery: { actor: "jffe@01h9mspg5atsp402qqxm071zjv/users/ci-publisher" } },
    ],
    ["docker.pushed.placeholder.documented", "test delivery"],
    [
      "docker.deleted.single-arch.nested.synthesised",
      { _tag: "Deleted", repository: "docker-local/team-a/frontend", tag: "1.2.9", digest: FRONTEND },
    ],
    [
      "docker.deleted.multi-arch.nested.synthesised",
      { _tag: "Deleted", repository: "docker-local/team-a/backend/api", tag: "2.0.0", digest: API },
    ],
    [
      "docker.deleted.no-origin.synthesised",
      { _tag: "Deleted", repository: "docker-local/web", tag: "1.4.2", digest: WEB },
    ],
    ["docker.deleted.flat-legacy.documented", "test delivery"],
    ["docker.deleted.placeholder.documented", "test delivery"],
    [
      "docker.promoted.without-target.synthesised",
      { _tag: "Promoted", from: { repository: "docker-dev-local/team-a/frontend", tag: "1.2.9" }, to: undefined },
    ],
    [
      "docker.promoted.with-target.synthesised",
      {
        _tag: "Promoted",
        from: { repository: "docker-dev-local/team-a/frontend", tag: "1.2.9" },
        to: { repository: "docker-prod-local/team-a/frontend", tag: "1.2.9" },
      },
    ],
    [
      "docker.promoted.with-retag.multi-arch.synthesised",
      { from: { tag: "2.0.0" }, to: { repository: "docker-prod-local/team-a/backend/api", tag: "stable" } },
    ],
    ["docker.promoted.placeholder.documented", "test delivery"],
    ["artifact.cached.synthesised", "test delivery"],
    ["artifact.copied.documented", "test delivery"],
    ["artifact.deleted.documented", "test delivery"],
    ["artifact.deployed.documented", "test delivery"],
    ["artifact.moved.documented", "test delivery"],
    [
      "artifact.deleted.docker-child-manifest.synthesised",
      { _tag: "Deleted", repository: "docker-local/team-a/backend/api", tag: undefined, digest: CHILD_DELETED },
    ],
    ["artifact.deployed.docker-layer.synthesised", "is no manifest"],
    [
      "artifact.deployed.docker-manifest.synthesised",
      { _tag: "Pushed", repository: "docker-local/team-a/frontend", tag: "1.2.9", digest: FRONTEND },
    ],
    ["artifact.deployed.from-troubleshooting.documented", "artifact.deployed: data.path"],
    ["artifact_property.added.documented", "test delivery"],
    ["artifact_property.deleted.documented", "test delivery"],
    ["destination.received.documented", "destination.received: events of this domain do not name images"],
    [
      "release_bundle_v2_promotion.completed.synthesised",
      "release_bundle_v2_promotion.release_bundle_v2_promotion_completed: events of this do",
    ],
  ];

  it.each(rows)("%s", (name, expected) => {
    const body = readFileSync(new URL(`${name}.json`, folder), "utf8");
    const parsed = parse(body);
    if (typeof expected === "string") {
      expect(parsed).toMatchObject({ _tag: "Parsed", notifications: [], ignored: [expect.stringContaining(expected)] });
    } else {
      expect(parsed).toMatchObject({ _tag: "Parsed", notifications: [expected], ignored: [], warnings: [] });
      expect(JSON.stringify(parsed)).not.toContain("jfrog.io");
    }
  });

  it("every fixture of a delivery has a row", () => {
    // All others are in documents.test.ts.
    const deliveries = /^(?:docker\.(?:pushed|deleted|promoted)|artifact|destination|release_bundle)/;
    const names = readdirSync(folder).filter((name) => deliveries.test(name));
    expect(rows.map(([name]) => `${name}.json`).sort()).toEqual(names.sort());
  });
});

const docker = (data: object, more: object = {}): string =>
  JSON.stringify({
    domain: "docker",
    event_type: "pushed",
    data: { repo_key: "k", path: "a/v1/manifest.json", tag: "v1", ...data },
    ...more,
  });
const first = (parsed: ParsedNotifications): Notification | undefined =>
  parsed._tag === "Parsed" ? parsed.notifications[0] : undefined;

const artifact = (eventType: string, data: object, domain = "artifact"): string =>
  JSON.stringify({
    domain,
    event_type: eventType,
    data: { repo_key: "dev-local", path: "team/app/1.0/list.manifest.json", name: "list.manifest.json", ...data },
  });

describe("files and their properties", () => {
  it.each([
    ["dev-local to a key alone", "prod-local", { repository: "prod-local/team/app", tag: "1.0" }],
    ["to a path", "prod-local/app/2.0/list.manifest.json", { repository: "prod-local/app", tag: "2.0" }],
    ["by digest", `prod-local/app/sha256__${"0".repeat(64)}/manifest.json`, { repository: "prod-local/app" }],
  ])("a copy and a move are promotions: %s", (_title, target, to) => {
    for (const [type, move] of [
      ["copied", false],
      ["moved", true],
    ] as const)
      expect(first(parse(artifact(type, { target_repo_path: target })))).toMatchObject({
        _tag: "Promoted",
        from: { repository: "dev-local/team/app", tag: "1.0" },
        to,
        move,
      });
  });

  it.each([[undefined], [""], ["prod-local/elsewhere"], ["Not A Key"]])(
    "a move to %j is one to nowhere known",
    (target) =>
      expect(parse(artifact("moved", { target_repo_path: target }))).toMatchObject({
        notifications: [{ _tag: "Promoted", to: undefined, move: true }],
        warnings: [expect.stringContaining("data.target_repo_path")],
      }),
  );

  it("a cached manifest is one that came", () =>
    expect(first(parse(artifact("cached", { repo_key: "hub-cache" })))).toMatchObject({
      _tag: "Pushed",
      repository: "hub-cache/team/app",
    }));

  it("a stamp that comes or goes makes us look again; what Artifactory writes itself does not", () => {
    for (const type of ["added", "deleted"])
      expect(first(parse(artifact(type, { property_key: "qa.passed" }, "artifact_property")))).toMatchObject({
        _tag: "Pushed",
        repository: "dev-local/team/app",
        tag: "1.0",
      });
    expect(parse(artifact("added", { property_key: "docker.manifest.digest" }, "artifact_property"))).toMatchObject({
      notifications: [],
      ignored: [expect.stringContaining("written by Artifactory itself")],
    });
  });
});

describe("keys that show what others hold", () => {
  const sources = makeSources({
    docker: { _tag: "Virtual", members: ["k", "hub", "docker"] },
    everything: { _tag: "Virtual", members: ["docker"] },
    hub: { _tag: "Remote" },
  });
  const names = (body: string) => {
    const parsed = parseArtifactory({ headers: {}, body: Buffer.from(body) }, sources);
    return parsed._tag === "Parsed"
      ? parsed.notifications.map((one) =>
          one._tag === "Promoted" ? one.from.repository : `${one._tag} ${one.repository}`,
        )
      : parsed.reason;
  };

  it("an event of a member is one of every view above it, without a digest", () => {
    expect(names(docker({}))).toEqual(["Pushed k/a", "Pushed docker/a", "Pushed everything/a"]);
    expect(names(docker({ repo_key: "hub-cache" }))).toEqual([
      "Pushed hub-cache/a",
      "Pushed hub/a",
      "Pushed docker/a",
      "Pushed everything/a",
    ]);
    expect(names(docker({ repo_key: "other" }))).toEqual(["Pushed other/a"]);
    const [, seen] = [
      parseArtifactory({ headers: {}, body: Buffer.from(docker({ sha256: "0".repeat(64) })) }, sources),
    ].flatMap((parsed) => (parsed._tag === "Parsed" ? parsed.notifications : []));
    expect(seen).toMatchObject({ repository: "docker/a", tag: "v1" });
    expect(seen).not.toHaveProperty("digest");
  });

  it("a deletion in a member is looked at through the views", () =>
    expect(names(docker({}, { event_type: "deleted" }))).toEqual([
      "Deleted k/a",
      "Deleted docker/a",
      "Deleted everything/a",
    ]));

  it("a manifest without a tag concerns its own key alone", () =>
    expect(names(docker({ path: `a/sha256__${"0".repeat(64)}/manifest.json`, tag: undefined }))).toEqual([
      "Pushed k/a",
    ]));
});

describe("bodies that are odd", () => {
  it.each([
    ["", "the body is no JSON"],
    ["[]", "the body is no object"],
    ["7", "the body is no object"],
    ["{}", "event_type: is missing"],
    [new Uint8Array([0x22, 0xff, 0x22]), "the body is no JSON"],
    ['{"domain":"docker","event_type":"pushed"}', "data.path"],
    [docker({ repo_key: undefined }), "data.repo_key: is missing"],
    [docker({ repo_key: "Docker-Local" }), "is no repository name"],
    [docker({ repo_key: "evil.example.com:8443/x" }), "is no repository name"],
    [docker({ path: "../../v1/manifest.json" }), "is no repository name"],
    [docker({ path: "équipe/app/1/manifest.json" }), "is no repository name"],
    [docker({ path: "a/v 1/manifest.json", tag: "v 1" }), "is no tag"],
    [docker({ path: "x", image_name: undefined }), "does not hold <image>/<tag>/manifest.json"],
  ])("%j can never be parsed", (body, reason) =>
    expect(parse(body)).toEqual({ _tag: "Unparseable", reason: expect.stringContaining(reason) }),
  );

  it("the path is taken where the tag differs, and that is told", () => {
    expect(parse(docker({ tag: "other" }))).toMatchObject({
      notifications: [{ repository: "k/a", tag: "v1" }],
      warnings: [expect.stringContaining('data.tag "other"')],
    });
  });

  it("a path that is too short leads to image_name and tag", () => {
    expect(first(parse(docker({ path: "manifest.json", image_name: "team/app", tag: "v2" })))).toMatchObject({
      repository: "k/team/app",
      tag: "v2",
    });
  });

  it("a manifest stored by digest is no tag, in both spellings", () => {
    const ref = CHILD.replace(":", "__");
    expect(first(parse(docker({ path: `a/${ref}/manifest.json`, tag: ref, sha256: CHILD.slice(7) })))).toMatchObject({
      repository: "k/a",
      tag: undefined,
      digest: CHILD,
    });
  });

  it("an image may be called as in the documentation: only the checksum makes a test delivery", () => {
    expect(first(parse(docker({ repo_key: "sample_repo", path: "sample_app/v1/manifest.json" })))).toMatchObject({
      repository: "sample_repo/sample_app",
    });
  });

  it("a layer, and an event type of the future, are of no interest", () => {
    expect(parse(docker({ path: "a/v1/sha256__00" }))).toMatchObject({
      notifications: [],
      ignored: ['data.path: "sha256__00" is no manifest'],
    });
    expect(parse(docker({}, { event_type: "signed\u001b[31m" }))).toMatchObject({
      notifications: [],
      ignored: ["docker.signed[31m: not known"],
    });
  });

  it("a promotion to what is no name is a promotion to nowhere known, and that is told", () => {
    expect(parse(docker({ target_repo: "Not A Key" }, { event_type: "promoted" }))).toMatchObject({
      notifications: [{ from: { repository: "k/a", tag: "v1" }, to: undefined }],
      warnings: [expect.stringContaining("data.target_repo")],
    });
    expect(first(parse(docker({ target_repo: "prod" }, { event_type: "promoted" })))).toMatchObject({
      to: { repository: "prod/a", tag: "v1" },
    });
  });

  it("never throws, whatever comes", () => {
    fc.assert(fc.property(fc.uint8Array(), (body) => void parse(body)));
    fc.assert(fc.property(fc.json(), (body) => void parse(body)));
    const odd = fc.record({
      domain: fc.constantFrom("docker", "artifact", 1),
      event_type: fc.constantFrom("pushed", "deleted", "promoted", null),
      data: fc.record({
        repo_key: fc.string(),
        path: fc.string(),
        tag: fc.anything(),
        platforms: fc.anything(),
        sha256: fc.anything(),
      }),
      userContext: fc.anything(),
    });
    fc.assert(
      fc.property(
        odd,
        (body) => void parse(JSON.stringify(body, (_key, part: unknown) => (typeof part === "bigint" ? 0 : part))),
      ),
    );
  });
});
