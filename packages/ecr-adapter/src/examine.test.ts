import type { Finding, RegistryUse } from "@drayage/oci-core";
import { image, pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { connected, repo, withAwsCredentials } from "./ecr.test-support.ts";
import type { EcrOptions } from "./options.ts";
import type { Ecr, EcrPersonality } from "./testing/index.ts";

withAwsCredentials();
const use = (more: Partial<RegistryUse> = {}): RegistryUse => ({
  isSource: true,
  isTarget: true,
  reads: [repo("team/app")],
  writes: [repo("team/app")],
  ...more,
});

/** What doctor finds at an ECR that has `team/app`. */
const found = (
  prepare: (ecr: Ecr) => void,
  options: Partial<EcrOptions> = {},
  personality: EcrPersonality = {},
  wanted: RegistryUse = use(),
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const { ecr, registry } = yield* connected({ ...personality, createOnPush: true }, options);
    yield* pushImage(ecr.registry.url, "team/app", "1", image({ seed: "app" }), { authorization: ecr.authorization });
    ecr.registry.requests.reset();
    prepare(ecr);
    const findings = yield* registry.powers.examine?.(wanted) ?? Effect.die("it looks at nothing");
    expect(ecr.calls().filter((call) => /Create|Put|Delete|Receive/.test(call))).toEqual([]);
    return findings;
  }).pipe(Effect.scoped, Effect.orDie);

const queue = new URL("http://127.0.0.1:1/123456789012/events");

describe("doctor at ECR", () => {
  it.live("finds nothing where all is well", () =>
    Effect.map(
      found(() => undefined, { queue }),
      (findings) => expect(findings).toEqual([]),
    ),
  );

  it.live.each([
    ["AccessDeniedException", "auth", /gives no token/, /ecr:GetAuthorizationToken/],
    ["UnrecognizedClientException", "auth", /refuses the credentials/, /AWS_PROFILE/],
    ["ExpiredTokenException", "auth", /refuses the credentials/, /renew what has expired/],
    ["ValidationException", "api", /gives no token/, /account/],
  ] as const)("names a token that AWS refuses by %s, and asks nothing else", ([name, key, what, mend]) =>
    Effect.map(
      found((ecr) => ecr.failNext("GetAuthorizationToken", name)),
      (findings) => {
        expect(findings).toHaveLength(1);
        expect(findings[0]).toMatchObject({ severity: "error", key, what: expect.stringMatching(what) });
        expect(findings[0]?.mend).toMatch(mend);
      },
    ),
  );

  it.live("names an API that cannot be reached", () =>
    Effect.map(
      found(() => undefined, { api: new URL("http://127.0.0.1:1") }),
      (findings) => expect(findings).toMatchObject([{ severity: "error", key: "api" }]),
    ),
  );

  it.live("names the right that listing wants", () =>
    Effect.map(
      found((ecr) => ecr.failNext("DescribeImages", "AccessDeniedException")),
      (findings) =>
        expect(findings).toMatchObject([
          { severity: "warning", key: "auth", mend: expect.stringContaining("ecr:DescribeImages") },
        ]),
    ),
  );

  it.live("names a repository that is missing and that nobody makes", () =>
    Effect.map(
      found(() => undefined, { createRepositories: false }, {}, use({ writes: [repo("no/where")] })),
      (findings) =>
        expect(findings).toMatchObject([
          { severity: "error", key: "createRepositories", what: expect.stringContaining("no/where does not exist") },
        ]),
    ),
  );

  it.live("says nothing of one that is missing and will be made", () =>
    Effect.map(
      found(() => undefined, {}, {}, use({ writes: [repo("no/where")] })),
      (findings) => expect(findings).toEqual([]),
    ),
  );

  it.live("names the rights that making repositories wants", () =>
    Effect.map(
      found((ecr) => ecr.failNext("DescribeRepositories", "AccessDeniedException")),
      (findings) =>
        expect(findings).toMatchObject([
          { severity: "warning", key: "auth", mend: expect.stringContaining("ecr:CreateRepository") },
        ]),
    ),
  );

  it.live("notes that tags cannot be moved", () =>
    Effect.map(
      found(() => undefined, {}, { immutableTags: /./ }),
      (findings) => expect(findings).toMatchObject([{ severity: "note", what: expect.stringContaining("parked") }]),
    ),
  );

  it.live.each([
    ["QueueDoesNotExist", "error", /create it/],
    ["AccessDenied", "unknown", /sqs:ReceiveMessage/],
  ] as const)("names a queue that it may not look at: %s", ([name, severity, mend]) =>
    Effect.map(
      found((ecr) => ecr.failNext("GetQueueAttributes", name), { queue }),
      (findings) => {
        expect(findings).toMatchObject([{ severity, key: "notifications.queue" }]);
        expect(findings[0]?.mend).toMatch(mend);
      },
    ),
  );
});
