import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { blobsOf, type ImageFixture, image, manifestsOf, multiPlatform, pushImage } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { run } from "../../tools/run.ts";

/** An OCI image layout (image-layout.md of the image specification) of one image or index, so that skopeo can read it as `oci:<folder>:<tag>`. */
export const writeLayout = async (folder: string, tag: string, top: ImageFixture): Promise<string> => {
  const blobs = join(folder, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const path = (digest: string): string => join(blobs, digest.replace("sha256:", ""));
  for (const manifest of manifestsOf(top)) await writeFile(path(manifest.digest), manifest.bytes);
  for (const blob of blobsOf(top)) await pipeline(blob.open(), createWriteStream(path(blob.digest)));
  const entry = { ...top.descriptor, annotations: { "org.opencontainers.image.ref.name": tag } };
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return `oci:${folder}:${tag}`;
};

/** Two platforms, two layers each. */
export const multiArchImage = (seed: string): ImageFixture => multiPlatform({ seed, layers: [64 * 1024, 16 * 1024] });

/** One platform, one small layer of its own over a base that all images of one `base` share. */
export const smallImage = (seed: string, base = "base"): ImageFixture =>
  image({ seed, layers: [32 * 1024, 2 * 1024], layerSeeds: [base, seed] });

/** One layer of `bytes`, generated while it is sent. */
export const bigImage = (seed: string, bytes: number): ImageFixture => image({ seed, layers: [bytes] });

/** Pushes by plain HTTP, apart from skopeo and from our own client. */
export const push = async (url: string, repository: string, tag: string, top: ImageFixture): Promise<void> => {
  await Effect.runPromise(pushImage(url, repository, tag, top));
};

/** The registry's own processor is the limit: more at once gains nothing. */
const PUSHES_AT_ONCE = 4;

export interface ManyTags {
  readonly repository: string;
  readonly count: number;
  /** Other seeds, other digests. */
  readonly seed: string;
}

/** `tag-001` … with an image each: different digests, one shared base layer. Gives what was pushed, digest by tag. */
export const pushMany = async (
  url: string,
  { repository, count, seed }: ManyTags,
): Promise<ReadonlyMap<string, string>> => {
  const tags = Array.from({ length: count }, (_, n) => `tag-${String(n + 1).padStart(3, "0")}`);
  const pushed = new Map<string, string>();
  const queue = [...tags];
  const worker = async (): Promise<void> => {
    for (let tag = queue.shift(); tag !== undefined; tag = queue.shift()) {
      const made = smallImage(`${seed}/${tag}`);
      await push(url, repository, tag, made);
      pushed.set(tag, made.digest);
    }
  };
  await Promise.all(Array.from({ length: PUSHES_AT_ONCE }, worker));
  return pushed;
};

export interface RunnableOptions {
  readonly umoci: string;
  /** A static busybox. */
  readonly busybox: string;
  readonly folder: string;
}

/** An image that runs (`/bin/busybox`), made with umoci. Gives its reference for skopeo. */
export const runnableImage = async ({ umoci, busybox, folder }: RunnableOptions): Promise<string> => {
  const layout = join(folder, "runnable");
  const name = `${layout}:busybox`;
  const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
  await must(umoci, ["init", "--layout", layout]);
  await must(umoci, ["new", "--image", name]);
  await must(umoci, ["insert", ...rootless, "--image", name, busybox, "/bin/busybox"]);
  await must(umoci, ["config", "--image", name, "--config.entrypoint", "/bin/busybox", "--config.cmd", "sh"]);
  return `oci:${name}`;
};

/** Unpacks an image of a layout with umoci and runs `/bin/busybox echo` of it: its layers are whole, and it is a program. */
export const runsFrom = async (umoci: string, layout: string, tag: string, folder: string): Promise<string> => {
  const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
  await must(umoci, ["unpack", ...rootless, "--image", `${layout}:${tag}`, folder]);
  return (await must(join(folder, "rootfs/bin/busybox"), ["echo", "it runs"])).trim();
};

const must = async (command: string, args: ReadonlyArray<string>): Promise<string> => {
  const ran = await run(command, args);
  if (ran.code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${ran.code}: ${ran.stderr.trim()}`);
  return ran.stdout;
};
