import { invalid } from "./response-head.ts";

/** Extensions of a chunk and trailers are read and thrown away, up to this. */
const LINE_BYTES_MAX = 4096;
const TRAILERS_MAX = 50;
const LF = 0x0a;

/**
 * Takes a chunked body apart, whatever pieces it comes in. Source: RFC 9112 section 7.1. `take` gives slices of its piece, and how many bytes
 * of it belong to the body once the last chunk has passed.
 */
export class ChunkReader {
  #state: "size" | "data" | "after-data" | "trailer" | "done" = "size";
  #left = 0;
  #line = "";
  #trailers = 0;

  get done(): boolean {
    return this.#state === "done";
  }

  /** Throws `TransportError` for what is no chunk. */
  take(piece: Buffer): { readonly slices: ReadonlyArray<Buffer>; readonly used: number } {
    const slices: Buffer[] = [];
    let at = 0;
    while (at < piece.byteLength && this.#state !== "done") {
      if (this.#state === "data") {
        const slice = piece.subarray(at, at + this.#left);
        at += slice.byteLength;
        this.#left -= slice.byteLength;
        slices.push(slice);
        if (this.#left === 0) this.#state = "after-data";
      } else {
        const end = piece.indexOf(LF, at);
        this.#line += piece.toString("latin1", at, end < 0 ? piece.byteLength : end);
        if (this.#line.length > LINE_BYTES_MAX) throw invalid("a chunk with too long a line");
        at = end < 0 ? piece.byteLength : end + 1;
        if (end >= 0) this.#lineEnded();
      }
    }
    return { slices, used: at };
  }

  #lineEnded(): void {
    if (!this.#line.endsWith("\r")) throw invalid("a chunk whose line has no end");
    const line = this.#line.slice(0, -1);
    this.#line = "";
    if (this.#state === "after-data") {
      if (line !== "") throw invalid("a chunk that is longer than its size");
      this.#state = "size";
    } else if (this.#state === "trailer") {
      this.#trailers += 1;
      if (this.#trailers > TRAILERS_MAX) throw invalid(`more than ${TRAILERS_MAX} trailers`);
      if (line === "") this.#state = "done";
    } else {
      const [, size] = /^([0-9a-fA-F]{1,13})[ \t]*(?:;.*)?$/.exec(line) ?? [];
      if (size === undefined) throw invalid("a chunk without a size");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    }
  }
}
