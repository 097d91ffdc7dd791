/**
 * Run as a process of its own by copy.memory.test.ts: copies a layer of 512 MiB that exists nowhere, and prints how far
 * its memory grew.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import * as Effect from "effect/Effect";
import { digestOf, finishDigest } from "../model/digest.ts";
import { MEDIA_TYPES } from "../model/media-types.ts";
import { connectRegistry } from "../registry/client.ts";
import { makeCopier } from "./make-copier.ts";
import { repo, tagOf } from "./memory-registry.test-support.ts";

const MIB = 1024 * 1024;
const PIECES = 512;
const PIECE = Buffer.alloc(MIB, 7);

const layerDigest = (() => {
  const hash = createHash("sha256");
  for (let n = 0; n < PIECES; n += 1) hash.update(PIECE);
  return finishDigest("sha256", hash);
})();
const config = Buffer.from("{}");
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(config), size: config.byteLength },
    layers: [{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: layerDigest, size: PIECES * MIB }],
  }),
);
const digest = digestOf(manifest);

/** Just enough of both sides: reads of the three documents, and a target that hashes and throws away. */
let received = 0;
let tagged = false;
const layer = function* (): Generator<Buffer> {
  for (let n = 0; n < PIECES; n += 1) yield PIECE;
};
const answer = (request: IncomingMessage, response: ServerResponse): void => {
  const path = request.url ?? "";
  const isTarget = path.includes("/target/");
  const send = (status: number, headers: Record<string, string | number>, body?: Buffer): void => {
    response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
  };
  if (request.method === "POST") {
    send(202, { location: "/v2/target/blobs/uploads/1?s=1" });
  } else if (request.method === "PUT") {
    const isBlob = path.includes("/uploads/");
    request.on("data", (piece: Buffer) => {
      if (isBlob) received += piece.byteLength;
    });
    request.on("end", () => {
      if (!isBlob) tagged = true;
      send(201, {});
    });
  } else if (isTarget && !(path.includes("/manifests/") && tagged)) {
    send(404, {});
  } else if (path.includes("/manifests/")) {
    const headers = { "content-type": MEDIA_TYPES.ociManifest, "docker-content-digest": digest };
    send(200, { ...headers, "content-length": manifest.byteLength }, manifest);
  } else if (path.endsWith(layerDigest)) {
    response.writeHead(200, { "content-length": PIECES * MIB });
    Readable.from(layer(), { objectMode: false }).pipe(response);
  } else {
    send(200, { "content-length": config.byteLength }, config);
  }
};

const memoryNow = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const server = createServer(answer);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address() as AddressInfo;
const url = new URL(`http://127.0.0.1:${address.port}`);

const program = Effect.gen(function* () {
  const source = yield* connectRegistry({ name: "source", url, auth: [] });
  const target = yield* connectRegistry({ name: "target", url, auth: [] });
  const copier = yield* makeCopier();
  const before = memoryNow();
  let most = 0;
  let bytes = 0;
  yield* copier.copy({
    source: { registry: source, repository: repo("source"), reference: tagOf("1") },
    target: { registry: target, repository: repo("target"), tag: tagOf("1") },
    depth: "tag",
    referrers: "none",
    onProgress: (progress) => {
      if (progress._tag !== "BlobBytes") return;
      bytes += progress.bytes;
      // Collected first: what matters is what is held, not what is waiting for the collector.
      if (bytes % (16 * MIB) < progress.bytes) most = Math.max(most, memoryNow());
    },
  });
  return { grownMiB: Math.round((most - before) / MIB), bytes: received - config.byteLength };
});

const result = await Effect.runPromise(Effect.scoped(program));
process.stdout.write(`${JSON.stringify(result)}\n`);
server.closeAllConnections();
server.close();
