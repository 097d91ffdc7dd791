import { image, multiPlatform, pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { describe, expect } from "vitest";
import { connected, repo, tag, withAwsCredentials } from "./ecr.test-support.ts";
import { parseEventBridge } from "./parse.ts";

withAwsCredentials();
const app = repo("acme/app");
const top = multiPlatform({ seed: "public" });
const started = connected(
  { publicAlias: "acme", createOnPush: true },
  { isPublic: true, region: "us-east-1", createRepositories: { immutableTags: false, scanOnPush: false, tags: {} } },
);

describe("ECR Public", () => {
  it.live("takes the token of its own API as a bearer, and a new one where that is refused", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      yield* pushImage(ecr.registry.url, "acme/app", "1", top, { authorization: ecr.authorization });
      expect(yield* registry.resolve(app, tag("1"))).toMatchObject({ digest: top.digest });
      ecr.refuseTokens(401);
      expect(yield* registry.manifest(app, tag("1"))).toMatchObject({ digest: top.digest });
      expect(ecr.calls()).toEqual(["GetAuthorizationToken", "GetAuthorizationToken"]);
    }).pipe(Effect.scoped),
  );

  it.live("has its repositories made, listed and emptied by names without the alias", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      expect(yield* registry.powers.createRepository?.(app) ?? Effect.succeed(false)).toBe(true);
      expect(yield* registry.powers.createRepository?.(app) ?? Effect.succeed(true)).toBe(false);
      expect(ecr.registry.repositories()).toEqual(["acme/app"]);
      const { authorization } = ecr;
      for (const name of ["1", "latest"]) yield* pushImage(ecr.registry.url, "acme/app", name, top, { authorization });
      expect([...(yield* Stream.runCollect(registry.repositories()))].flat()).toEqual(["acme/app"]);
      const listed = yield* Stream.runCollect(registry.powers.list?.(app) ?? Stream.empty);
      expect([...listed].flat()).toEqual([
        { tag: "1", digest: top.digest },
        { tag: "latest", digest: top.digest },
      ]);
      expect(yield* registry.deleteManifest(app, tag("1"))).toBe(true);
      expect(yield* registry.deleteManifest(app, tag("1"))).toBe(false);
      expect(ecr.registry.tags("acme/app")).toEqual(["latest"]);
    }).pipe(Effect.scoped),
  );

  it.live("is asked for no account setting and no mount", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      const [blob] = image({ seed: "mount" }).blobs;
      if (blob === undefined) throw new Error("an image has blobs");
      const start = yield* registry.startUpload(app, { digest: blob.digest, from: repo("acme/base") });
      expect(start._tag).toBe("Opened");
      expect(ecr.registry.requests.count({ path: /mount=/ })).toBe(0);
      expect(ecr.calls()).not.toContain("GetAccountSetting");
      expect(registry.traits).toMatchObject({ presence: "head", referrers: "unknown" });
    }).pipe(Effect.scoped),
  );

  it.live("has doctor name its own rights", () =>
    Effect.gen(function* () {
      const { ecr, registry } = yield* started;
      ecr.failNext("GetAuthorizationToken", "AccessDeniedException");
      const use = { isSource: false, isTarget: true, reads: [], writes: [app] };
      expect(yield* registry.powers.examine?.(use) ?? Effect.succeed([])).toMatchObject([
        { key: "auth", mend: "Allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on *" },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("sends no events that are known: one that comes is refused with a word, and changes nothing", () =>
    Effect.sync(() => {
      const body = Buffer.from(
        JSON.stringify({
          source: "aws.ecr",
          account: "123456789012",
          region: "us-east-1",
          "detail-type": "ECR Image Action",
          detail: { result: "SUCCESS", "action-type": "DELETE", "repository-name": "app", "image-tag": "1" },
        }),
      );
      const where = { account: "123456789012", region: "us-east-1", isPublic: true };
      expect(parseEventBridge({ headers: {}, body }, where)).toMatchObject({
        notifications: [],
        warnings: [expect.stringContaining("ECR Public")],
      });
    }),
  );
});
