import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Notification, NotificationRequest } from "@drayage/oci-core";
import { image, pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect } from "vitest";
import { type ArtifactoryOptions, artifactoryAdapter } from "./adapter.ts";
import { basicOf, connectTo, repo, settingsFor, tag } from "./connect.test-support.ts";
import { type Artifactory, type ArtifactoryPersonality, type Subscription, startArtifactory } from "./testing/index.ts";

const SECRET = "the-secret-of-the-webhook";
const KEYS = { "docker-local": { kind: "local" }, prod: { kind: "local" } } as const;
const app = repo("docker-local/team/app");
const fixture = image({ seed: "told" });

/** Answers what the table says, then 202, and keeps what came. */
const receiver = (...statuses: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const came: Array<NotificationRequest> = [];
      const left = [...statuses];
      const server = createServer(async (request, response) => {
        const pieces: Array<Buffer> = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        );
        came.push({ headers, body: Buffer.concat(pieces) });
        response.writeHead(left.shift() ?? 202).end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return { came, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/notifications/art` };
    }),
    ({ server }) => Effect.promise(() => new Promise<void>((resolve) => void server.close(() => resolve()))),
  );

const subscription = (
  url: string,
  more: { readonly signs?: boolean; readonly domain?: "docker" | "artifact" } = {},
): Subscription => ({
  key: `drayage-${more.domain ?? "docker"}`,
  enabled: true,
  event_filter: {
    domain: more.domain ?? "docker",
    event_types:
      more.domain === "artifact" ? ["deployed", "deleted", "moved", "copied"] : ["pushed", "deleted", "promoted"],
    criteria: { anyLocal: true },
  },
  handlers: [{ handler_type: "webhook", url, secret: SECRET, use_secret_for_signing: more.signs ?? true }],
});

const options = (scheme: "hmac-sha256" | "shared-secret"): ArtifactoryOptions => ({
  secrets: { scheme, secrets: [Redacted.make(SECRET)] },
});

const started = (
  personality: ArtifactoryPersonality,
  make: (url: string) => ReadonlyArray<Subscription>,
  statuses: ReadonlyArray<number> = [],
) =>
  Effect.gen(function* () {
    const to = yield* receiver(...statuses);
    const artifactory = yield* startArtifactory({ keys: KEYS, ...personality, subscriptions: make(to.url) });
    const push = (name: string, reference: string) =>
      pushImage(artifactory.registry.url, name, reference, fixture, { authorization: artifactory.authorization });
    return { artifactory, push, came: to.came };
  });

/** What we read of it, in the order of arrival; everything must prove to be Artifactory. */
const read = (came: ReadonlyArray<NotificationRequest>, scheme: "hmac-sha256" | "shared-secret" = "hmac-sha256") => {
  const reader = artifactoryAdapter.notifications(options(scheme));
  return came.flatMap((request): ReadonlyArray<Notification> => {
    expect(reader.authenticate(request)).toBe(true);
    const parsed = reader.parse(request);
    return parsed._tag === "Parsed" ? parsed.notifications : [];
  });
};
const promote = (artifactory: Artifactory, mode: "copy" | "move") =>
  Effect.flatMap(
    connectTo(artifactory),
    ({ powers }) =>
      powers.promote?.({
        from: { repository: app, tag: tag("1.0") },
        to: { repository: repo("prod/team/app"), tag: tag("stable") },
        mode,
      }) ?? Effect.die("no promotion"),
  );

describe("what Artifactory sends is read", () => {
  it.live.each([true, false])("a push and a deletion, signed: %s", (signs) =>
    Effect.gen(function* () {
      const { artifactory, push, came } = yield* started({}, (url) => [subscription(url, { signs })]);
      yield* push(app, "1.0");
      yield* artifactory.told;
      const registry = yield* connectTo(artifactory, {}, { traits: { tagDelete: "tag" } });
      yield* registry.deleteManifest(app, tag("1.0"));
      yield* artifactory.told;
      const told = { repository: app, tag: "1.0", digest: fixture.digest, delivery: { actor: "sync" } };
      expect(read(came, signs ? "hmac-sha256" : "shared-secret")).toMatchObject([
        { _tag: "Pushed", ...told },
        { _tag: "Deleted", ...told },
      ]);
      expect(JSON.stringify(read(came, signs ? "hmac-sha256" : "shared-secret"))).not.toContain("jfrog");
    }).pipe(Effect.scoped),
  );

  it.live("a signature over a body that was changed on the way is none, and the other mode is not guessed", () =>
    Effect.gen(function* () {
      const { artifactory, push, came } = yield* started({}, (url) => [subscription(url)]);
      yield* push(app, "1.0");
      yield* artifactory.told;
      const [first] = came;
      if (first === undefined) throw new Error("nothing came");
      const signed = artifactoryAdapter.notifications(options("hmac-sha256"));
      const shared = artifactoryAdapter.notifications(options("shared-secret"));
      expect(signed.authenticate({ ...first, body: Buffer.concat([first.body, Buffer.from(" ")]) })).toBe(false);
      expect(shared.authenticate(first)).toBe(false);
    }).pipe(Effect.scoped),
  );

  it.live.each(["copy", "move"] as const)("a promotion (%s), told as such and as files", (mode) =>
    Effect.gen(function* () {
      const { artifactory, push, came } = yield* started({}, (url) => [
        subscription(url),
        subscription(url, { domain: "artifact" }),
      ]);
      yield* push(app, "1.0");
      yield* artifactory.told;
      came.length = 0;
      yield* promote(artifactory, mode);
      yield* artifactory.told;
      const told = read(came);
      expect(told).toHaveLength(2);
      expect(told).toContainEqual(
        expect.objectContaining({
          _tag: "Promoted",
          from: { repository: app, tag: "1.0" },
          to: { repository: "prod/team/app", tag: "stable" },
        }),
      );
      expect(told).toContainEqual(expect.objectContaining({ _tag: "Promoted", move: mode === "move" }));
    }).pipe(Effect.scoped),
  );

  it.live("a delivery that is answered with 503 comes again, one that is refused is lost", () =>
    Effect.gen(function* () {
      const { artifactory, push } = yield* started({}, (url) => [subscription(url)], [503, 503, 202, 401]);
      yield* push(app, "1.0");
      yield* artifactory.told;
      yield* push(app, "2.0");
      yield* artifactory.told;
      expect(artifactory.deliveries()).toMatchObject([
        { status: 202, tries: 3 },
        { status: 401, tries: 1 },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("a subscription that is off, or for other repositories, sends nothing", () =>
    Effect.gen(function* () {
      const { artifactory, push, came } = yield* started({}, (url) => {
        const one = subscription(url);
        const filter = one.event_filter;
        return [
          { ...one, key: "off", enabled: false },
          { ...one, key: "other", event_filter: { ...filter, criteria: { repoKeys: ["prod"] } } },
          {
            ...one,
            key: "elsewhere",
            event_filter: { ...filter, criteria: { anyLocal: true, includePatterns: ["other/**"] } },
          },
          {
            ...one,
            key: "not-this",
            event_filter: { ...filter, criteria: { anyLocal: true, excludePatterns: ["team/**"] } },
          },
        ];
      });
      yield* push(app, "1.0");
      yield* artifactory.told;
      expect(came).toEqual([]);
    }).pipe(Effect.scoped),
  );
});

it.live("without any webhook, changes are found by looking: each once, with its author", () =>
  Effect.gen(function* () {
    const artifactory = yield* startArtifactory({ keys: KEYS });
    const push = (reference: string) =>
      pushImage(artifactory.registry.url, app, reference, fixture, { authorization: artifactory.authorization });
    const [listener] =
      artifactoryAdapter.listeners?.(settingsFor(artifactory, { auth: [basicOf(artifactory)] }), {
        ...options("shared-secret"),
        pollEveryMs: 50,
      }) ?? [];
    if (listener === undefined) throw new Error("no listener");
    const seen: Array<Notification> = [];
    yield* Effect.forkScoped(
      listener.run((incoming) =>
        Effect.sync(() => {
          if (incoming._tag === "Observed") seen.push(...incoming.notifications);
          return "stored";
        }),
      ),
    );
    yield* push("1.0");
    yield* Effect.promise(() => expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1));
    yield* push("2.0");
    yield* Effect.promise(() => expect.poll(() => seen.length, { timeout: 10_000 }).toBe(2));
    yield* Effect.sleep(200);
    expect(seen).toMatchObject([
      { _tag: "Pushed", repository: app, tag: "1.0", digest: fixture.digest, delivery: { actor: "sync" } },
      { _tag: "Pushed", repository: app, tag: "2.0" },
    ]);
  }).pipe(Effect.scoped),
);
