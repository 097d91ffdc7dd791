import { type ArtifactRegistryServer, startArtifactRegistry } from "@drayage/ar-adapter/testing";
import { type Ecr, startEcr } from "@drayage/ecr-adapter/testing";
import type { Finding } from "@drayage/oci-core";
import { image, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Dray, drayHere } from "../dray.test-support.ts";

const env = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "the-secret-key-of-aws" };
const app = image({ seed: "app" });

/** An Artifact Registry with `images/team/app`, and an ECR without anything. */
const started = async (): Promise<{ readonly eu: ArtifactRegistryServer; readonly aws: Ecr }> => {
  const scope = await Effect.runPromise(Scope.make());
  onTestFinished(() => Effect.runPromise(Scope.close(scope, Exit.void)));
  const starting = Effect.gen(function* () {
    const [eu, aws] = [yield* startArtifactRegistry(), yield* startEcr()];
    const authorization = `Bearer ${eu.accessToken}`;
    yield* pushImage(eu.url, `${eu.project}/images/team/app`, "1.0", app, { authorization });
    return { eu, aws };
  });
  return Effect.runPromise(Scope.provide(starting, scope));
};

const yaml = ({ eu, aws }: Awaited<ReturnType<typeof started>>, euMore: string, awsMore: string): string =>
  `version: 1
dataDir: ./data
registries:
  eu:
    type: artifact-registry
    location: ${eu.location}
    project: ${eu.project}
    url: ${eu.url.origin}
    api: ${eu.url.origin}
${euMore}
  aws:
    type: ecr
    account: "${aws.account}"
    region: ${aws.region}
    url: ${aws.registry.url.origin}
    api: ${aws.registry.url.origin}
${awsMore}
routes:
  - { name: out, from: eu, select: { repositories: [images/team/app] }, to: [{ registry: aws }] }
`;
const dray = (...given: Parameters<typeof yaml>): Promise<Dray> => drayHere({ "drayage.yaml": yaml(...given) });
const diagnose = async (
  from: Dray,
): Promise<{ readonly code: number | null; readonly said: ReadonlyArray<string> }> => {
  const { code, stdout, stderr } = await from.run(["doctor", "--json"], { env });
  expect(stderr).toBe("");
  expect(stdout).not.toMatch(/the-secret-key-of-aws|ya29/);
  const { findings } = JSON.parse(stdout) as { readonly findings: ReadonlyArray<Finding> };
  return { code, said: findings.map(({ severity, key, what, mend }) => `${severity} ${key}: ${what} -> ${mend}`) };
};
const SOUND = "    auth: { accessToken: ya29.test }";

describe("dray doctor at clouds", () => {
  it("has only notes where all is well, and leaves nothing behind", async () => {
    const clouds = await started();
    const { code, said } = await diagnose(await dray(clouds, SOUND, ""));
    expect(said.filter((line) => !line.startsWith("note "))).toEqual([]);
    expect(code).toBe(0);
    expect(said.join("\n")).toMatch(/images\/team\/app is not there: it is made with the first copy/);
    expect(clouds.aws.registry.repositories()).toEqual([]);
  });

  it("names five mistakes at once, each with its key and what to do", async () => {
    const clouds = await started();
    clouds.eu.setUp("images", { rights: [], cleanupPolicies: { old: { action: "DELETE" } } });
    const wrong = [
      SOUND,
      `    createRepositories: false
    notifications: { queue: "http://127.0.0.1:1/123456789012/events" }
    queueApi: http://127.0.0.1:1`,
    ] as const;
    const from = await drayHere({
      "drayage.yaml": `${yaml(clouds, ...wrong)}  - { from: aws, select: { repositories: [team/web] }, to: [{ registry: eu }] }\n`,
    });
    const { code, said } = await diagnose(from);
    expect(code).toBe(1);
    for (const expected of [
      /^error registries.eu.auth: the right \S+downloadArtifacts in images is missing -> Grant roles\/artifactregistry.reader/,
      /^warning registries.eu: images has cleanup policies: .* -> Mirror deletions only/,
      /^error registries.eu.createRepositories: there is no repository team in acme-prod, europe-west4, and none is made/,
      /^error registries.aws.createRepositories: images\/team\/app does not exist in 123456789012, and none is made/,
      /^error registries.aws.notifications.queue: the queue cannot be looked at .* -> Correct its URL/,
    ])
      expect(said).toContainEqual(expect.stringMatching(expected));
  });

  it("names credentials that Google and AWS refuse", async () => {
    const clouds = await started();
    clouds.aws.failNext("GetAuthorizationToken", "AccessDeniedException", 400, Number.POSITIVE_INFINITY);
    const { code, said } = await diagnose(await dray(clouds, "    auth: { accessToken: ya29.wrong }", ""));
    expect(code).toBe(1);
    expect(said).toContainEqual(
      expect.stringMatching(/^error registries.eu.auth: Google refuses the credentials .* -> Renew the token or key/),
    );
    expect(said).toContainEqual(
      expect.stringMatching(/^error registries.aws.auth: AWS knows us .* -> Allow ecr:GetAuthorizationToken on \*$/),
    );
  });

  it("lists the hosts of both with --egress", async () => {
    const from = await dray(await started(), SOUND, "");
    const { stdout } = await from.run(["doctor", "--egress"], { env });
    const purposes = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(purposes).toContainEqual(["127.0.0.1", clouds(stdout), "API", "configured", "-", "registries.eu"]);
    const storage = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
    expect(purposes).toContainEqual([storage, "443", "storage of layers", "configured", "-", "registries.aws"]);
  });
});

/** The port of the API of `eu`, as listed. */
const clouds = (listed: string): string => /(\d+) +API .*registries\.eu$/m.exec(listed)?.[1] ?? "";
