import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  blobsOf,
  image,
  manifestsOf,
  multiPlatform,
  pushImage,
  type StrictRegistry,
  signatureFor,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Dray, drayHere, freePort } from "./dray.test-support.ts";

const web = multiPlatform({ seed: "web", layers: [2000, 600_000] });
const signed = signatureFor(web);
const api = image({ seed: "api", layers: [700_000] });

let scope: Scope.Closeable;
let source: StrictRegistry;
let near: StrictRegistry;
let far: StrictRegistry;
/** Every `Authorization` that came, by registry. */
let sent: Record<"lab" | "near" | "far", Set<string>>;

const basic = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString("base64")}`;
const start = (name: keyof typeof sent): Promise<StrictRegistry> =>
  Effect.runPromise(
    Scope.provide(
      startStrictRegistry({
        auth: { _tag: "Basic", users: [{ name, password: name }] },
        intercept: async ({ headers }) => {
          if (headers.authorization !== undefined) sent[name].add(headers.authorization);
          return undefined;
        },
      }),
      scope,
    ),
  );
beforeEach(async () => {
  scope = await Effect.runPromise(Scope.make());
  sent = { lab: new Set(), near: new Set(), far: new Set() };
  [source, near, far] = [await start("lab"), await start("near"), await start("far")];
  const fill = async (registry: StrictRegistry, name: string, prefix: string): Promise<void> => {
    const options = { authorization: basic(name) };
    await Effect.runPromise(pushImage(registry.url, `${prefix}team/web`, "1.0", web, options));
    await Effect.runPromise(pushImage(registry.url, `${prefix}team/web`, undefined, signed, options));
  };
  await fill(source, "lab", "");
  await fill(near, "near", "copies/");
});
afterEach(() => Effect.runPromise(Scope.close(scope, Exit.void)));

const prepared = async (): Promise<Dray> => {
  const dray = await drayHere();
  const [ingest, admin] = [await freePort(), await freePort()];
  const registry = (name: string, { url }: StrictRegistry): string =>
    `  ${name}: { type: oci, url: ${url.origin}, auth: { username: ${name}, password: ${name} } }`;
  await writeFile(
    join(dray.folder, "drayage.yaml"),
    `version: 1
dataDir: ./data
http: { ingest: { port: ${ingest} }, admin: { port: ${admin} } }
registries:
${[registry("lab", source), registry("near", near), registry("far", far)].join("\n")}
routes:
  - name: all
    from: lab
    to:
      - { registry: near, repository: "copies/{repository}" }
      - { registry: far, repository: "far/{repository}", bytesFrom: [near] }
`,
  );
  return dray;
};
const blobsRead = (registry: StrictRegistry, repository: string): number =>
  registry.requests.count({ method: "GET", path: new RegExp(`/v2/${repository}/blobs/`), status: 200 });
/** Follows the log until a line matches. */
const heard = async (dray: Dray, what: RegExp): Promise<void> => {
  const follow = await dray.start(["events", "--since", "0", "--follow"], what);
  await follow.stop("SIGINT");
};

describe("dray up with a nearer registry", () => {
  it("brings an image to the far one without a blob from the source, also as a repair, and its credentials go nowhere else", async () => {
    const dray = await prepared();
    const up = await dray.start(["up"], /is up/);
    await heard(dray, /ReplicationSucceeded {4}far\/far\/team\/web:1\.0 {2}copied/);
    for (const { digest } of [web, signed].flatMap(manifestsOf))
      expect(far.manifest("far/team/web", digest)?.digest).toBe(digest);
    expect(far.danglingReferences()).toEqual([]);
    const wanted = new Set([web, signed].flatMap((one) => blobsOf(one).map(({ digest }) => digest))).size;
    expect([blobsRead(source, "team/web"), blobsRead(near, "copies/team/web")]).toEqual([0, wanted]);

    // Not there, and found by the comparison alone: nobody told of the push.
    const lab = { authorization: basic("lab") };
    await Effect.runPromise(pushImage(source.url, "team/api", "1.0", api, lab));
    await Effect.runPromise(pushImage(near.url, "copies/team/api", "1.0", api, { authorization: basic("near") }));
    expect((await dray.run(["reconciler", "--once"])).code).toBe(0);
    await heard(dray, /ReplicationSucceeded {4}far\/far\/team\/api:1\.0 {2}copied/);
    expect([blobsRead(source, "team/api"), blobsRead(near, "copies/team/api")]).toEqual([0, blobsOf(api).length]);

    for (const [name, seen] of Object.entries(sent)) expect([...seen]).toEqual([basic(name)]);
    expect((await up.stop("SIGTERM")).code).toBe(0);
  });
});
