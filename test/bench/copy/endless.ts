// A process of its own: a source that makes one layer up as it is read, and a target that looks at every byte and keeps none.
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

const MIB = 1024 * 1024;
const bytes = Number(process.argv[2]) * MIB;
/** Noise that is repeated: nobody compresses on the way. */
const block = randomBytes(MIB);

const digestOf = (content: Uint8Array): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const layer = createHash("sha256");
for (let at = 0; at < bytes; at += MIB) layer.update(block);
const layerDigest = `sha256:${layer.digest("hex")}`;
const config = Buffer.from("{}");
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: digestOf(config),
      size: config.byteLength,
    },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layerDigest, size: bytes }],
  }),
);

const sendLayer = (answer: ServerResponse): void => {
  let sent = 0;
  const more = (): void => {
    while (sent < bytes) {
      sent += MIB;
      if (!answer.write(block)) {
        answer.once("drain", more);
        return;
      }
    }
    answer.end();
  };
  more();
};

const source = (request: IncomingMessage, answer: ServerResponse): void => {
  const url = new URL(request.url ?? "/", "http://x").pathname;
  const send = (type: string, content: Buffer): void => {
    answer.writeHead(200, {
      "content-type": type,
      "content-length": content.byteLength,
      "docker-content-digest": digestOf(content),
    });
    answer.end(request.method === "HEAD" ? undefined : content);
  };
  if (url.endsWith("/tags/list"))
    send("application/json", Buffer.from(JSON.stringify({ name: "layer", tags: ["v1"] })));
  else if (url.includes("/manifests/")) send("application/vnd.oci.image.manifest.v1+json", manifest);
  else if (url.endsWith(layerDigest)) {
    answer.writeHead(200, { "content-length": bytes });
    sendLayer(answer);
  } else send("application/octet-stream", config);
};

const held = new Set<string>();
const target = (request: IncomingMessage, answer: ServerResponse): void => {
  const { method } = request;
  const url = new URL(request.url ?? "/", "http://x");
  const hash = createHash("sha256");
  request.on("data", (piece: Buffer) => hash.update(piece));
  request.on("end", () => {
    const found = `sha256:${hash.digest("hex")}`;
    const wanted = url.searchParams.get("digest");
    const reply = (status: number, headers: Record<string, string> = {}): void => {
      answer.writeHead(status, { "content-length": "0", ...headers });
      answer.end();
    };
    if (method === "POST") reply(202, { location: `/v2/layer/blobs/uploads/${held.size}` });
    else if (method === "PUT" && url.pathname.includes("/manifests/")) {
      const isWhole = held.has(layerDigest) && held.has(digestOf(config));
      if (isWhole) held.add("v1");
      reply(isWhole ? 201 : 400, { "docker-content-digest": found });
    } else if (method === "PUT") {
      if (found === wanted) held.add(found);
      reply(found === wanted ? 201 : 400, { "docker-content-digest": found });
    } else if (url.pathname.endsWith("/manifests/v1") && held.has("v1")) {
      const type = "application/vnd.oci.image.manifest.v1+json";
      const length = String(manifest.byteLength);
      reply(200, { "docker-content-digest": digestOf(manifest), "content-type": type, "content-length": length });
    } else reply(404);
  });
};

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });

process.send?.(await Promise.all([listen(createServer(source)), listen(createServer(target))]));
process.on("disconnect", () => process.exit(0));
