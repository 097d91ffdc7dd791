import { type Answer, empty, refusal } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { isDigest, isName } from "./grammar.ts";
import { locate, type RegistryState } from "./state.ts";
import { inTurn, type UploadSession } from "./uploads.ts";

/** POST: opens an upload (end-4a) or mounts (end-11). A body sent along with `?digest=` is not taken (end-4b, 202). */
export const startUpload = (state: RegistryState, exchange: Exchange, repository: string): Answer => {
  const { rules, store, uploads } = state;
  if (!rules().createRepositories && store.repository(repository) === undefined) {
    return refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { name: repository });
  }
  const digest = exchange.url.searchParams.get("mount");
  const from = exchange.url.searchParams.get("from");
  if (digest !== null && !isDigest(digest)) return refusal(400, "DIGEST_INVALID", "mount is no digest", { digest });
  if (from !== null && !isName(from)) return refusal(400, "NAME_INVALID", "from is no repository name", { name: from });
  if (digest !== null && from !== null && rules().mount === "honoured") {
    const blob = store.repository(from)?.blobs.get(digest);
    if (blob !== undefined) {
      store.putBlob(repository, blob);
      const size = blob.size;
      state.emit({ action: "mount", what: "blob", repository, fromRepository: from, digest, size, by: exchange });
      return created(state, exchange, repository, digest);
    }
  }
  return progress(state, exchange, uploads.open(repository), 202);
};

/** GET (end-13), PATCH (end-5), PUT (end-6) and DELETE (end-14) of an open upload. */
export const handleUpload = async (
  state: RegistryState,
  exchange: Exchange,
  repository: string,
  id: string,
): Promise<Answer> => {
  const found = state.uploads.find(repository, id);
  if (found === undefined) return unknownUpload(id);
  return inTurn(found, async () => {
    // It may have been closed while this request waited for its turn.
    const session = state.uploads.find(repository, id);
    if (session === undefined) return unknownUpload(id);
    if (exchange.method === "GET") return progress(state, exchange, session, 204);
    if (exchange.method === "PATCH") return patchUpload(state, exchange, session);
    if (exchange.method === "PUT") return commitUpload(state, exchange, session);
    if (exchange.method !== "DELETE") return refusal(405, "UNSUPPORTED", "the operation is unsupported");
    state.uploads.close(session);
    await session.spool.discard();
    return empty(204);
  });
};

const unknownUpload = (id: string): Answer =>
  refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", { uuid: id });

const patchUpload = async (state: RegistryState, exchange: Exchange, session: UploadSession): Promise<Answer> => {
  const { patches, chunkMinLength } = state.rules();
  const type = exchange.headers["content-type"];
  if (type !== undefined && type !== "application/octet-stream") {
    return refusal(415, "BLOB_UPLOAD_INVALID", "a chunk must be application/octet-stream", { contentType: type });
  }
  if (session.patches > 0 && patches === "refuse") {
    return refusal(400, "UNSUPPORTED", "this registry takes one PATCH with the whole body");
  }
  const range = readContentRange(exchange, session, true);
  if (range._tag === "Refused") return range.answer(state, exchange);
  if (session.patches > 0 && patches === "replace") await state.uploads.restart(session);
  session.patches += 1;
  const before = session.spool.size();
  await receive(exchange, session);
  const length = session.spool.size() - before;
  if (chunkMinLength !== undefined && length < chunkMinLength) session.shortChunk = true;
  if (range.length !== undefined && range.length !== length) {
    return refusal(400, "SIZE_INVALID", "Content-Range and body differ in length", {
      range: range.length,
      body: length,
    });
  }
  return progress(state, exchange, session, 202);
};

const commitUpload = async (state: RegistryState, exchange: Exchange, session: UploadSession): Promise<Answer> => {
  const digest = exchange.url.searchParams.get("digest");
  if (digest === null) return refusal(400, "DIGEST_INVALID", "digest missing");
  if (!isDigest(digest)) return refusal(400, "DIGEST_INVALID", "provided digest is malformed", { digest });
  const { putBodyMax } = state.rules();
  const announced = Number(exchange.headers["content-length"] ?? 0);
  if (putBodyMax !== undefined && announced > putBodyMax) {
    return refusal(413, "SIZE_INVALID", `a closing PUT takes at most ${putBodyMax} bytes`, { length: announced });
  }
  const hasBody = announced > 0 || exchange.headers["transfer-encoding"] !== undefined;
  const range = readContentRange(exchange, session, hasBody);
  if (range._tag === "Refused") return range.answer(state, exchange);
  await receive(exchange, session);
  const actual = await session.spool.digest(digest);
  state.uploads.close(session);
  if (actual !== digest) {
    await session.spool.discard();
    return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content", { digest, actual });
  }
  const size = session.spool.size();
  state.store.putBlob(session.repository, { digest, size, content: await session.spool.finish() });
  const { repository } = session;
  state.emit({ action: "push", what: "blob", repository, digest, size, by: exchange });
  return created(state, exchange, repository, digest);
};

/** Bytes that came before a broken connection are kept: the client may ask how many and go on. */
const receive = async (exchange: Exchange, session: UploadSession): Promise<void> => {
  session.step += 1;
  for await (const piece of exchange.body) await session.spool.append(piece);
};

type RangeCheck =
  | { readonly _tag: "Accepted"; readonly length: number | undefined }
  | { readonly _tag: "Refused"; readonly answer: (state: RegistryState, exchange: Exchange) => Answer };

/** The order of chunks. Without Content-Range a body is the whole blob, so it may only come first. No body is in order everywhere. */
const readContentRange = (exchange: Exchange, session: UploadSession, hasBody: boolean): RangeCheck => {
  const size = session.spool.size();
  const outOfOrder = (why: string): RangeCheck => ({
    _tag: "Refused",
    answer: (state, by) => {
      const { headers } = progress(state, by, session, 416);
      return refusal(416, "BLOB_UPLOAD_INVALID", why, { received: size }, headers);
    },
  });
  if (exchange.url.searchParams.get("_state") !== String(session.step)) return outOfOrder("not the newest Location");
  if (!hasBody) return { _tag: "Accepted", length: undefined };
  if (session.shortChunk) return outOfOrder("a chunk below OCI-Chunk-Min-Length must be the last");
  const header = exchange.headers["content-range"];
  if (header === undefined) {
    return size === 0 || session.patches === 0
      ? { _tag: "Accepted", length: undefined }
      : outOfOrder("a further chunk needs Content-Range");
  }
  const [, first, last] = /^([0-9]+)-([0-9]+)$/.exec(header) ?? [];
  if (first === undefined || last === undefined) return outOfOrder(`Content-Range "${header}" is not first-last`);
  if (Number(first) !== size) return outOfOrder(`chunk starts at ${first}, expected ${size}`);
  return { _tag: "Accepted", length: Number(last) - Number(first) + 1 };
};

const created = (state: RegistryState, exchange: Exchange, repository: string, digest: string): Answer =>
  empty(201, {
    Location: locate(state, exchange, `/v2/${repository}/blobs/${digest}`),
    "Docker-Content-Digest": digest,
  });

/** Where to go on, and how much is there. `Range: 0-0` is said for nothing, as docker-registry does. */
const progress = (state: RegistryState, exchange: Exchange, session: UploadSession, status: number): Answer => {
  const { chunkMinLength, relocate } = state.rules();
  const path = `${relocate?.uploads ?? ""}/v2/${session.repository}/blobs/uploads/${session.id}?_state=${session.step}`;
  return empty(status, {
    Location: locate(state, exchange, path),
    Range: `0-${Math.max(0, session.spool.size() - 1)}`,
    "Docker-Upload-UUID": session.id,
    ...(chunkMinLength === undefined ? {} : { "OCI-Chunk-Min-Length": String(chunkMinLength) }),
  });
};
