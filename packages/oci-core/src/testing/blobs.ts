import { type Answer, empty, refusal } from "./answer.ts";
import { openContent } from "./content.ts";
import type { Exchange } from "./exchange.ts";
import { isDigest } from "./grammar.ts";
import type { RegistryState } from "./state.ts";
import type { StoredBlob } from "./store.ts";

/** GET, HEAD (end-2) and DELETE (end-10) of a blob. */
export const handleBlob = (state: RegistryState, exchange: Exchange, repository: string, digest: string): Answer => {
  if (!isDigest(digest)) return refusal(400, "DIGEST_INVALID", "provided digest is malformed", { digest });
  if (exchange.method === "DELETE") return deleteBlob(state, exchange, repository, digest);
  const holder = state.store.repository(repository);
  if (holder === undefined) {
    return refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { name: repository });
  }
  const blob = holder.blobs.get(digest);
  if (blob === undefined) return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry", { digest });
  const { relocate } = state.rules();
  if (relocate !== undefined && exchange.method === "GET" && exchange.relocated !== true)
    return empty(302, { Location: `${relocate.downloads}/v2/${repository}/blobs/${digest}` });
  if (state.rules().redirectBlobs && exchange.method === "GET") {
    return empty(307, { Location: storageLocation(state.storageUrl(), repository, digest) });
  }
  return serveBlob(blob, exchange);
};

/** The signed address of a blob on the storage host. The signature is a constant: what is tested is that it is passed on and never logged. */
export const storageLocation = (base: string, repository: string, digest: string): string =>
  `${base}/storage/${repository}/${digest}?X-Amz-Signature=5a7e`;

/** The bytes, or the range of them that was asked for (RFC 9110 section 14). */
export const serveBlob = (blob: StoredBlob, exchange: Exchange): Answer => {
  const headers = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "max-age=31536000",
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": blob.digest,
    Etag: `"${blob.digest}"`,
  };
  if (exchange.headers["if-none-match"] === headers.Etag) return empty(304, { Etag: headers.Etag });
  const range = exchange.headers.range === undefined ? undefined : readRange(exchange.headers.range, blob.size);
  if (range === "unsatisfiable") {
    return refusal(416, "RANGE_INVALID", "range not satisfiable", undefined, {
      "Content-Range": `bytes */${blob.size}`,
    });
  }
  const [from, to] = range ?? [0, blob.size - 1];
  const body = { size: to - from + 1, open: () => openContent(blob.content, from, to) };
  return range === undefined
    ? { status: 200, headers, body }
    : { status: 206, headers: { ...headers, "Content-Range": `bytes ${from}-${to}/${blob.size}` }, body };
};

/** One range of `bytes=`; anything else in the header is ignored, as the RFC allows. */
const readRange = (header: string, size: number): readonly [number, number] | "unsatisfiable" | undefined => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  const [, first = "", last = ""] = match ?? [];
  if (match === null || (first === "" && last === "")) return undefined;
  if (first === "") {
    const from = Math.max(0, size - Number(last));
    return from >= size ? "unsatisfiable" : [from, size - 1];
  }
  const from = Number(first);
  const to = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < from) return undefined;
  return from >= size ? "unsatisfiable" : [from, to];
};

const deleteBlob = (state: RegistryState, exchange: Exchange, repository: string, digest: string): Answer => {
  if (state.rules().tagDelete === "none") return refusal(405, "UNSUPPORTED", "the operation is unsupported");
  if (!state.store.deleteBlob(repository, digest)) {
    return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry", { digest });
  }
  state.emit({ action: "delete", what: "blob", repository, digest, by: exchange });
  return empty(202);
};
