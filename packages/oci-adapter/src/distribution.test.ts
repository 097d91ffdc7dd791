import { readdirSync, readFileSync } from "node:fs";
import type { Notification, ParsedNotifications } from "@drayage/oci-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseNotifications } from "./parse.ts";

const folder = new URL("./fixtures/distribution/", import.meta.url);
const parse = (body: string | Uint8Array): ParsedNotifications =>
  parseNotifications({ headers: {}, body: Buffer.from(body) });
const fixture = (name: string): string => readFileSync(new URL(`${name}.captured.json`, folder), "utf8");

const IMAGE = "sha256:05c0d6efe983fba0c238a99ea3cf4779a643e57c039447d0eff4462c68b51665";
const manifest = "application/vnd.oci.image.manifest.v1+json";

describe("captured bodies", () => {
  const rows: ReadonlyArray<readonly [string, Record<string, unknown> | string]> = [
    [
      "push.manifest.tagged",
      { _tag: "Pushed", repository: "team/web", tag: "1.4.2", digest: IMAGE, mediaType: manifest },
    ],
    [
      "push.manifest.second-tag",
      { _tag: "Pushed", repository: "team/web", tag: "latest", digest: IMAGE, mediaType: manifest },
    ],
    ["push.manifest.by-digest", { _tag: "Pushed", repository: "team/web", tag: undefined, digest: IMAGE }],
    ["push.index.tagged", { _tag: "Pushed", tag: "multi", mediaType: "application/vnd.oci.image.index.v1+json" }],
    [
      "push.manifest.actor-and-relative-url",
      { _tag: "Pushed", repository: "z/app", tag: "v1", delivery: { actor: "robot" } },
    ],
    ["delete.manifest.by-digest", { _tag: "Deleted", repository: "team/web", tag: undefined, digest: IMAGE }],
    ["delete.tag.1-of-2", { _tag: "Deleted", repository: "team/web", tag: "latest", digest: undefined }],
    ["delete.tag.2-of-2", { _tag: "Deleted", repository: "team/web", tag: "1.4.2", digest: undefined }],
    ["delete.blob", { _tag: "Deleted", tag: undefined }],
    ["push.blob.config", "push of a blob"],
    ["push.blob.layer", "push of a blob"],
    ["mount.blob", "mount"],
    ["pull.manifest.get", "pull"],
    ["pull.manifest.head", "pull"],
  ];

  it.each(rows)("%s", (name, expected) => {
    const parsed = parse(fixture(name));
    if (typeof expected === "string") {
      expect(parsed).toEqual({ _tag: "Parsed", notifications: [], ignored: [expected], warnings: [] });
    } else {
      expect(parsed).toMatchObject({ _tag: "Parsed", notifications: [expected], ignored: [], warnings: [] });
    }
  });

  it("every fixture has a row", () => {
    const names = readdirSync(folder).filter(
      (name) => name.endsWith(".captured.json") && name !== "request.headers.captured.json",
    );
    expect(rows.map(([name]) => `${name}.captured.json`).sort()).toEqual(names.sort());
  });

  it("the id, the time and the actor of a delivery are told", () => {
    const parsed = parse(fixture("push.manifest.actor-and-relative-url"));
    expect(first(parsed)?.delivery).toEqual({
      id: "8947375c-b750-4cb3-bc18-65cb9fb9519d",
      time: new Date("2026-11-21T03:00:53.207Z"),
      actor: "robot",
    });
  });
});

const first = (parsed: ParsedNotifications): Notification | undefined =>
  parsed._tag === "Parsed" ? parsed.notifications[0] : undefined;
const event = (target: object, more: object = {}) => ({
  id: "1",
  action: "push",
  target: { mediaType: manifest, ...target },
  ...more,
});

describe("bodies that are odd", () => {
  it.each([
    ["", "the body is no JSON"],
    ["not json", "the body is no JSON"],
    ["[]", "events: there is no such list"],
    ["{}", "events: there is no such list"],
    ['{"events":{}}', "events: there is no such list"],
    ["null", "events: there is no such list"],
    [new Uint8Array([0x7b, 0xff, 0x7d]), "the body is no JSON"],
    [JSON.stringify({ events: new Array(1001).fill({}) }), "at most 1000"],
  ])("%j can never be parsed", (body, reason) =>
    expect(parse(body)).toEqual({ _tag: "Unparseable", reason: expect.stringContaining(reason) }),
  );

  it.each([
    ["a string", "x", "events[0]: is no object"],
    ["no action", { target: {} }, "events[0].action: is missing"],
    ["no target", { action: "push", target: 1 }, ""],
    ["no repository", event({ tag: "v1" }), "events[0].target.repository: is missing"],
    [
      "a path for a repository",
      event({ repository: "../../etc", tag: "v1" }),
      'events[0].target.repository: "../../etc" is no repository name',
    ],
    ["upper case", event({ repository: "Team/web", tag: "v1" }), "is no repository name"],
    ["a host in the name", event({ repository: "evil.example.com:443/x", tag: "v1" }), "is no repository name"],
    ["a tag with a slash", event({ repository: "a", tag: "a/b" }), 'events[0].target.tag: "a/b" is no tag'],
    ["a deletion of nothing", { action: "delete", target: {} }, "events[0].target.repository: is missing"],
  ])("%s is no notification", (_name, value, warning) => {
    const parsed = parse(JSON.stringify({ events: [value] }));
    expect(parsed).toMatchObject({ _tag: "Parsed", notifications: [] });
    expect(parsed._tag === "Parsed" ? parsed.warnings?.join() : "").toContain(warning);
  });

  it("one bad event does not spoil the others", () => {
    const parsed = parse(
      JSON.stringify({ events: [event({ repository: "a", tag: "v1" }), 7, event({ repository: "b", tag: "v2" })] }),
    );
    expect(parsed).toMatchObject({
      notifications: [{ repository: "a" }, { repository: "b" }],
      warnings: ["events[1]: is no object"],
    });
  });

  it("a digest, time, id or actor that is none is left out, and no host or URL is ever taken", () => {
    const parsed = parse(
      JSON.stringify({
        events: [
          event(
            { repository: "a", tag: "v1", digest: "sha256:short", url: "http://evil.example.com/v2/a" },
            {
              id: "x".repeat(300),
              timestamp: "soon",
              actor: { name: "a\u0000\u001b[31mb" },
              request: { host: "evil.example.com" },
            },
          ),
        ],
      }),
    );
    expect(first(parsed)).toEqual({
      _tag: "Pushed",
      repository: "a",
      tag: "v1",
      digest: undefined,
      mediaType: manifest,
      delivery: { id: undefined, time: undefined, actor: "a[31mb" },
    });
    expect(JSON.stringify(parsed)).not.toContain("evil");
  });

  it("a whole repository that was deleted (3.x) is a deletion without tag and digest", () => {
    expect(parse(JSON.stringify({ events: [{ action: "delete", target: { repository: "a/b" } }] }))).toMatchObject({
      notifications: [{ _tag: "Deleted", repository: "a/b", tag: undefined, digest: undefined }],
    });
  });

  it("never throws, whatever comes", () => {
    fc.assert(fc.property(fc.uint8Array(), (body) => void parse(body)));
    fc.assert(fc.property(fc.json(), (body) => void parse(body)));
    const odd = fc.record({
      action: fc.constantFrom("push", "delete", 1),
      target: fc.object(),
      actor: fc.anything(),
      id: fc.anything(),
    });
    fc.assert(fc.property(fc.array(odd), (events) => void parse(JSON.stringify({ events }) ?? "")));
  });
});
