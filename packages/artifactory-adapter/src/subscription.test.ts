import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect } from "vitest";
import { basicOf, settingsFor } from "./connect.test-support.ts";
import { applyWebhook, eventApiOf, type WantedWebhook } from "./subscription.ts";
import { type Artifactory, startArtifactory } from "./testing/index.ts";

const SECRET = "the-secret-of-the-webhook";
const wanted = (more: Partial<WantedWebhook> = {}): WantedWebhook => ({
  key: "drayage",
  domain: "docker",
  url: new URL("https://drayage.acme.example/notifications/art"),
  secrets: { scheme: "hmac-sha256", secrets: [Redacted.make(SECRET), Redacted.make("the-old-one")] },
  repositoryKeys: [],
  ...more,
});
const admin = ({ accessToken }: Artifactory) => ({ _tag: "Bearer", token: Redacted.make(accessToken) }) as const;
const apply = (artifactory: Artifactory, more: Partial<WantedWebhook> = {}, dryRun = false) =>
  applyWebhook(settingsFor(artifactory, { auth: [admin(artifactory)] }), undefined, wanted(more), { dryRun });

describe("a webhook", () => {
  it.live("is created once, and applying again changes nothing", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory();
      const first = yield* apply(artifactory);
      expect(first).toMatchObject({ key: "drayage", action: "created", differences: [] });
      expect(artifactory.subscriptions()).toMatchObject([
        {
          key: "drayage",
          enabled: true,
          event_filter: {
            domain: "docker",
            event_types: ["pushed", "deleted", "promoted"],
            criteria: { anyLocal: true, anyFederated: true, anyRemote: false, repoKeys: [] },
          },
          handlers: [
            {
              handler_type: "webhook",
              url: "https://drayage.acme.example/notifications/art",
              secret: SECRET,
              use_secret_for_signing: true,
            },
          ],
        },
      ]);
      expect(yield* apply(artifactory)).toMatchObject({ action: "unchanged", differences: [] });
      expect(artifactory.subscriptions()).toHaveLength(1);
    }).pipe(Effect.scoped),
  );

  it.live("is mended where it differs, and keeps what people added", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory();
      yield* apply(artifactory);
      const [made] = artifactory.subscriptions();
      const [handler] = made?.handlers ?? [];
      if (made === undefined || handler === undefined) throw new Error("not made");
      const { event_filter: filter } = made;
      artifactory.subscribe({
        ...made,
        enabled: false,
        description: "by the platform team",
        event_filter: {
          ...filter,
          event_types: ["pushed"],
          criteria: { ...filter.criteria, excludePatterns: ["tmp/**"] },
        },
        handlers: [{ ...handler, proxy: "corporate", url: "https://old.acme.example/" }],
      });
      const again = yield* apply(artifactory);
      expect(again).toMatchObject({
        action: "updated",
        differences: ["enabled", "event_filter.event_types", "handlers[0].url"],
      });
      expect(artifactory.subscriptions()).toMatchObject([
        {
          enabled: true,
          description: "by the platform team",
          event_filter: { event_types: ["pushed", "deleted", "promoted"], criteria: { excludePatterns: ["tmp/**"] } },
          handlers: [{ proxy: "corporate", url: "https://drayage.acme.example/notifications/art", secret: SECRET }],
        },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("is only shown by a dry run, never with its secret", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory();
      const shown = yield* apply(artifactory, { repositoryKeys: ["docker-local"] }, true);
      expect(shown).toMatchObject({ action: "created" });
      expect(shown.subscription).toMatchObject({
        event_filter: { criteria: { anyLocal: false, anyFederated: false, repoKeys: ["docker-local"] } },
        handlers: [{ secret: "<redacted>" }],
      });
      expect(JSON.stringify(shown)).not.toContain(SECRET);
      expect(artifactory.subscriptions()).toEqual([]);
    }).pipe(Effect.scoped),
  );

  it.live("of files is for manifests alone", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory();
      yield* apply(artifactory, { key: "drayage-artifact", domain: "artifact" });
      expect(artifactory.subscriptions()).toMatchObject([
        { event_filter: { criteria: { includePatterns: ["**/manifest.json", "**/list.manifest.json"] } } },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("cannot be made with a password that is no token, and the error has no secret in it", () =>
    Effect.gen(function* () {
      const artifactory = yield* startArtifactory();
      const settings = settingsFor(artifactory, { auth: [basicOf(artifactory)] });
      const error = yield* Effect.flip(applyWebhook(settings, undefined, wanted(), { dryRun: false }));
      expect(error).toMatchObject({ reason: "unauthorized", operation: "GET subscription" });
      expect(JSON.stringify(error) + error.message).not.toContain(artifactory.user.password);
      expect(artifactory.subscriptions()).toEqual([]);
    }).pipe(Effect.scoped),
  );
});

it.each([
  ["https://acme.jfrog.io", undefined, "https://acme.jfrog.io/event/api/v1"],
  ["https://art.acme.com/artifactory", undefined, "https://art.acme.com/event/api/v1"],
  ["https://acme.com", "https://acme.com/tools/artifactory/", "https://acme.com/tools/event/api/v1"],
])("the event service of %s (%s) is at %s", (url, api, at) => {
  expect(eventApiOf(new URL(url), api === undefined ? undefined : new URL(api)).href).toBe(at);
});
