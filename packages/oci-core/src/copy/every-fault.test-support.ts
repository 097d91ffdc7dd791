/** Copies between fresh strict registries with one thing going wrong at one request, and what must hold afterwards. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { expect } from "vitest";
import {
  type FaultAction,
  type ImageFixture,
  image,
  manifestsOf,
  multiPlatform,
  pushImage,
  type StrictAuth,
  type StrictRegistry,
  signatureFor,
} from "../testing/index.ts";
import type { CopyRequest } from "./copier.ts";
import { CopyError } from "./errors.ts";
import { repo } from "./memory-registry.test-support.ts";
import { type SideOptions, startBoth, startSide } from "./strict-sides.test-support.ts";

export type Struck = "source" | "target" | "nearer";

/** What goes wrong: a fault of the registry, or every token of it running out just before the nth request. */
export type Trouble = FaultAction | { readonly kind: "expiredToken" };

/** A kind of copy, small enough to be done thousands of times. */
export interface Scenario {
  readonly name: string;
  readonly sides: { readonly source?: SideOptions; readonly target?: SideOptions };
  /** Of a nearer registry, which holds the same image under another name. Absent: there is none. */
  readonly nearer?: SideOptions;
  readonly request?: Partial<CopyRequest>;
  readonly top: ImageFixture;
  /** Referrers that the source has; each must be at the target when the copy says so. */
  readonly referrers: ReadonlyArray<ImageFixture>;
  /** What the target has before. */
  readonly before?: (target: StrictRegistry) => Effect.Effect<unknown, unknown>;
}

const top = multiPlatform({ seed: "faulty", layers: [2000, 3000], layerSeeds: ["base", "top"] });
const single = image({ seed: "faulty/single", layers: [2000, 3000, 70_000] });
const old = image({ seed: "faulty/old", layers: [1000] });
// Known to have the referrers API, as a registry is whose adapter says so: then a 404 of it is a fault and no answer.
const api = { referrers: "api" } as const;
const users = [{ name: "sync", password: "s3cret" }];
const token: StrictAuth = { _tag: "Token", users };
const signed = signatureFor(top);

export const SCENARIOS: ReadonlyArray<Scenario> = [
  {
    name: "an index with a signature into an empty repository",
    sides: { source: { traits: api }, target: { traits: api } },
    top,
    referrers: [signed],
  },
  {
    name: "the same by PATCH and HEAD, over the fallback tag, with redirected blobs",
    sides: {
      source: { traits: { referrers: "tag" }, referrers: "none", redirectBlobs: true },
      target: { traits: { referrers: "tag", upload: "patch", presence: "head" }, referrers: "none" },
    },
    top,
    referrers: [],
  },
  {
    name: "an image over another one, between registries that ask for tokens",
    sides: {
      source: { traits: api, auth: token },
      target: { traits: api, auth: token, locations: "relative" },
    },
    top: single,
    referrers: [],
    before: (target) =>
      pushImage(target.url, "team/app", "1", old, { authorization: `Bearer ${target.masterToken()}` }),
  },
  {
    name: "an index of which the target has the top alone",
    sides: { source: { traits: api }, target: { traits: api } },
    request: { depth: "deep" },
    top,
    referrers: [signed],
    before: (target) =>
      Effect.sync(() => {
        target.createRepository("team/app");
        target.putManifest("team/app", "1", top);
      }),
  },
  {
    name: "an index with a signature, whose bytes a nearer registry has",
    sides: { source: { traits: api }, target: { traits: api } },
    nearer: { redirectBlobs: true },
    top,
    referrers: [signed],
  },
  {
    name: "an image whose bytes a nearer registry has that asks for tokens",
    sides: { source: { traits: api }, target: { traits: { ...api, upload: "patch" } } },
    nearer: { auth: token },
    top: single,
    referrers: [],
  },
];

export const TROUBLES: ReadonlyArray<Trouble> = [
  { kind: "reset" },
  { kind: "reset", when: "after" },
  { kind: "status", status: 500 },
  { kind: "status", status: 503, retryAfter: 0 },
  { kind: "status", status: 429 },
  { kind: "status", status: 429, retryAfter: 0 },
  { kind: "status", status: 404 },
  { kind: "status", status: 403 },
  { kind: "status", status: 401 },
  { kind: "wrongBytes" },
  { kind: "wrongDigestHeader" },
  { kind: "noDigestHeader" },
  { kind: "html200" },
  { kind: "resetMidBody", afterBytes: 100 },
  { kind: "resetUpload", afterBytes: 100 },
  { kind: "slow", delayMs: 20, bytesPerSecond: 200_000 },
  { kind: "truncatedList" },
  { kind: "redirect" },
  { kind: "expiredToken" },
];

export const nameOf = (trouble: Trouble): string => Object.values(trouble).join(" ");

/**
 * One copy with the trouble at the nth request of a side. Checks what must hold however it ends, and answers how many requests that side
 * saw.
 */
export const copyWithTrouble = Effect.fnUntraced(function* (
  scenario: Scenario,
  struck: Struck,
  nth: number,
  trouble: Trouble,
) {
  const where = `${scenario.name}: ${nameOf(trouble)} at ${struck} request ${nth}`;
  let seen = 0;
  const expiring = (side: Struck, options: SideOptions = {}): SideOptions =>
    side !== struck || trouble.kind !== "expiredToken"
      ? options
      : {
          ...options,
          // Before the request is looked at, so that its token has just run out.
          intercept: async () => {
            seen += 1;
            if (seen === nth) sides.server?.revokeTokens();
            return undefined;
          },
        };
  const sides: { server?: StrictRegistry } = {};
  const both = yield* startBoth({
    source: expiring("source", scenario.sides.source),
    target: expiring("target", scenario.sides.target),
  });
  const { source, target, copier } = both;
  const nearer =
    scenario.nearer === undefined ? undefined : yield* startSide("nearer", expiring("nearer", scenario.nearer));
  yield* fill(source.server, "team/app", scenario);
  if (nearer !== undefined) yield* fill(nearer.server, MIRROR, scenario);
  yield* scenario.before?.(target.server) ?? Effect.void;
  both.forget();
  nearer?.server.requests.reset();
  const side = { source, target, nearer }[struck];
  if (side === undefined) return yield* Effect.die(`${where}: there is no such side`);
  seen = 0;
  sides.server = side.server;
  if (trouble.kind !== "expiredToken") side.server.faults.add({ match: { nth }, action: trouble });
  const before = target.server.danglingReferences();
  const half: Array<unknown> = [];
  target.server.onChange(() => half.push(...target.server.danglingReferences().filter((one) => !isKnown(before, one))));

  const bytesFrom = nearer === undefined ? [] : [{ registry: nearer.client, repository: MIRROR }];
  const exit = yield* Effect.exit(copier.copy(both.request({ ...scenario.request, bytesFrom })));

  expect(half, where).toEqual([]);
  // Nothing that a nearer registry does is a failure of the copy.
  if (struck === "nearer") expect(Exit.isSuccess(exit), where).toBe(true);
  if (Exit.isSuccess(exit)) {
    expect(target.server.manifest("team/app", "1")?.digest, where).toBe(scenario.top.digest);
    // A list of referrers that is cut and does not say so cannot be told from a short one.
    const referrers = trouble.kind === "truncatedList" ? [] : scenario.referrers;
    const held = (digest: string) => target.server.manifest("team/app", digest)?.bytes ?? "nothing";
    for (const { digest, bytes } of [scenario.top, ...referrers].flatMap(manifestsOf))
      expect(Buffer.compare(Buffer.from(held(digest)), bytes), `${where}: ${digest}`).toBe(0);
    expect(target.server.danglingReferences(), where).toEqual([]);
  } else {
    const [reason] = exit.cause.reasons;
    expect(reason?._tag === "Fail" ? reason.error : reason, where).toBeInstanceOf(CopyError);
    expect(
      target.server.danglingReferences().filter((one) => !isKnown(before, one)),
      where,
    ).toEqual([]);
  }
  return side.server.requests.total();
}, Effect.scoped);

const MIRROR = repo("mirror/of/app");

const fill = Effect.fnUntraced(function* (server: StrictRegistry, repository: string, { top, referrers }: Scenario) {
  const authorization = server.rules().auth._tag === "Token" ? `Bearer ${server.masterToken()}` : undefined;
  yield* pushImage(server.url, repository, "1", top, { authorization });
  for (const referrer of referrers) yield* pushImage(server.url, repository, undefined, referrer, { authorization });
});

const isKnown = (before: ReadonlyArray<unknown>, one: unknown): boolean =>
  before.some((known) => JSON.stringify(known) === JSON.stringify(one));
