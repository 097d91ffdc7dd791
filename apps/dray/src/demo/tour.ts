import {
  type ImageFixture,
  image,
  index,
  pushImage,
  type StrictRegistry,
  signatureFor,
} from "@drayage/oci-core/testing";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { request } from "undici";
import { failed } from "../cli-error.ts";
import { sendPromoted } from "./artifactory-webhook.ts";
import { DEMO_SECRET, type Stage } from "./stage.ts";

/** One step of the tour: what a person or a pipeline does, and what must be true at both targets afterwards. */
export interface Step {
  readonly title: string;
  readonly millis: number;
  /** What both targets hold. */
  readonly result: ReadonlyArray<Expected>;
}

/** A name at the targets, and the digest that both hold (or that it is gone). */
export interface Expected {
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  readonly digest: string | "gone";
}

/** A step that has not come true after this long is a failure of the demo. */
const STEP_MOST_MS = 30_000;
const LOOK_EVERY_MS = 25;

const KIB = 1024;

export interface Guide<E1, E2> {
  /** Told of each step before it begins. */
  readonly narrate: (title: string) => Effect.Effect<void>;
  /** One reconciliation of everything, now. */
  readonly reconcile: Effect.Effect<unknown, E1>;
  /** Waits until Drayage itself says that both targets are level, and all events are on the screen. */
  readonly settled: Effect.Effect<void, E2>;
}

/** The main job in five steps, on real registries with real requests. */
export const tour = Effect.fnUntraced(function* <E1, E2>(stage: Stage, { narrate, reconcile, settled }: Guide<E1, E2>) {
  const steps: Array<Step> = [];
  const targets = [stage.europe, stage.america];

  const step = Effect.fnUntraced(function* <E3>(
    title: string,
    act: Effect.Effect<unknown, E3>,
    expected: ReadonlyArray<Expected>,
  ) {
    yield* narrate(title);
    const started = yield* Clock.currentTimeMillis;
    yield* act;
    yield* waitUntil(title, () => targets.every((target) => expected.every((one) => holds(target, one))));
    const millis = (yield* Clock.currentTimeMillis) - started;
    steps.push({ title, millis, result: expected });
    yield* settled;
  });

  const first = webImage("1.0");
  const signature = signatureFor(first);
  yield* step(
    "push: a multi-arch image with its signature",
    push(stage.hub, WEB, ["1.0", "latest"], first, [signature]),
    [
      { repository: MIRROR, reference: "1.0", digest: first.digest },
      { repository: MIRROR, reference: "latest", digest: first.digest },
      { repository: MIRROR, reference: signature.digest, digest: signature.digest },
    ],
  );

  const second = webImage("1.1");
  yield* step("overwrite: latest moves on", push(stage.hub, WEB, ["1.1", "latest"], second), [
    { repository: MIRROR, reference: "latest", digest: second.digest },
    { repository: MIRROR, reference: "1.1", digest: second.digest },
  ]);

  yield* step(
    "delete: a tag goes at the source; its absence is proven twice, then both targets follow",
    deleteTag(stage.hub, WEB, "1.0"),
    [
      { repository: MIRROR, reference: "1.0", digest: "gone" },
      { repository: MIRROR, reference: "latest", digest: second.digest },
    ],
  );

  const release = webImage("2.0");
  yield* step(
    "promotion: Artifactory moves an image from dev to prod (webhook signed with HMAC)",
    promote(stage, release),
    [{ repository: "prod/shop/api", reference: "2.0", digest: release.digest }],
  );

  yield* step(
    "drift: somebody deletes latest at europe by hand; a reconciliation finds and repairs it",
    Effect.andThen(
      Effect.sync(() => stage.europe.deleteTag(MIRROR, "latest")),
      reconcile,
    ),
    [{ repository: MIRROR, reference: "latest", digest: second.digest }],
  );
  return steps;
});

const WEB = "team-a/web";
const MIRROR = `mirror/${WEB}`;
const API = "docker-prod-local/shop/api";

/** What the tour leaves behind, by its names at the source and at the targets. */
export const LEFT = [
  { from: "hub", source: WEB, target: MIRROR },
  { from: "factory", source: API, target: "prod/shop/api" },
] as const;

/** What a pipeline does: the image, what refers to it, then a name for it. Further tags are one request each. */
const push = Effect.fnUntraced(function* (
  registry: StrictRegistry,
  repository: string,
  tags: ReadonlyArray<string>,
  pushed: ImageFixture,
  referrers: ReadonlyArray<ImageFixture> = [],
) {
  for (const each of [pushed, ...referrers]) yield* pushImage(registry.url, repository, undefined, each);
  for (const tag of tags) yield* putTag(registry, repository, tag, pushed);
});

const putTag = (registry: StrictRegistry, repository: string, tag: string, { bytes, mediaType }: ImageFixture) =>
  send(registry, "PUT", repository, tag, { "content-type": mediaType }, bytes);

const deleteTag = (registry: StrictRegistry, repository: string, tag: string) =>
  send(registry, "DELETE", repository, tag);

const send = (
  registry: StrictRegistry,
  method: "PUT" | "DELETE",
  repository: string,
  tag: string,
  headers: Readonly<Record<string, string>> = {},
  body?: Uint8Array,
) =>
  Effect.tryPromise({
    try: async () => {
      const url = new URL(`/v2/${repository}/manifests/${tag}`, registry.url);
      const answer = await request(url, { method, headers, body: body ?? null });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`${answer.statusCode} ${text.slice(0, 200)}`);
    },
    catch: (cause) => failed(`the demo could not ${method} ${repository}:${tag}: ${String(cause)}`),
  });

const promote = Effect.fnUntraced(function* (stage: Stage, release: ImageFixture) {
  yield* pushImage(stage.factory.url, "docker-dev-local/shop/api", "2.0", release);
  yield* pushImage(stage.factory.url, API, "2.0", release);
  yield* sendPromoted({
    ingest: `http://127.0.0.1:${stage.ingestPort}/notifications/factory`,
    secret: DEMO_SECRET,
    from: { key: "docker-dev-local", image: "shop/api", tag: "2.0" },
    to: { key: "docker-prod-local", tag: "2.0" },
    sha256: release.digest.slice("sha256:".length),
  });
});

const holds = (target: StrictRegistry, expected: Expected): boolean => {
  const held = target.manifest(expected.repository, expected.reference);
  return expected.digest === "gone" ? held === undefined : held?.digest === expected.digest;
};

const waitUntil = Effect.fnUntraced(function* (title: string, done: () => boolean) {
  const deadline = (yield* Clock.currentTimeMillis) + STEP_MOST_MS;
  while (!done()) {
    if ((yield* Clock.currentTimeMillis) > deadline) {
      return yield* failed(
        `the demo's step "${title}" did not come true within ${STEP_MOST_MS / 1000} s`,
        "the events above say why",
      );
    }
    yield* Effect.sleep(LOOK_EVERY_MS);
  }
});

const webImage = (version: string): ImageFixture =>
  index({
    children: ["amd64", "arm64"].map((architecture) =>
      image({
        seed: `web/${version}/${architecture}`,
        layerSeeds: [`base/${architecture}`, `web/${version}/${architecture}`],
        layers: [512 * KIB, 64 * KIB],
        platform: { os: "linux", architecture },
        labels: { "org.opencontainers.image.version": version },
      }),
    ),
  });
