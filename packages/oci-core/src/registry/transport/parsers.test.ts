import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkReader } from "./chunks.ts";
import { TransportError } from "./errors.ts";
import { parseHead } from "./response-head.ts";

const head = (...lines: ReadonlyArray<string>): string => lines.join("\r\n");

describe("the head of an answer", () => {
  it("tells status, headers and how long the body is", () => {
    const read = parseHead(head("HTTP/1.1 200 OK", "Content-Length: 12", "X-A: 1", "x-a:  2 "), "GET");
    expect(read).toMatchObject({ status: 200, framing: { _tag: "Length", bytes: 12 }, keepAlive: true });
    expect(read.headers.get("x-a")).toEqual(["1", "2"]);
    expect(parseHead(head("HTTP/1.1 200 ", "transfer-encoding: Chunked"), "GET").framing).toEqual({ _tag: "Chunked" });
    expect(parseHead("HTTP/1.1 200", "GET")).toMatchObject({ framing: { _tag: "UntilClose" }, keepAlive: false });
  });
  it.each([
    ["HEAD", "200"],
    ["GET", "204"],
    ["GET", "304"],
  ])("%s answered with %s has no body, whatever it says", (method, status) => {
    const read = parseHead(head(`HTTP/1.1 ${status} x`, "content-length: 5"), method);
    expect(read.framing).toEqual({ _tag: "Length", bytes: 0 });
  });
  it("tells whether the connection stays", () => {
    const keep = (version: string, ...lines: ReadonlyArray<string>) =>
      parseHead(head(`HTTP/${version} 200 OK`, "content-length: 0", ...lines), "GET");
    expect(keep("1.1").keepAlive).toBe(true);
    expect(keep("1.0").keepAlive).toBe(false);
    expect(keep("1.1", "connection: x, Close").keepAlive).toBe(false);
    expect(keep("1.1", "keep-alive: timeout=5, max=9").keepAliveMs).toBe(5000);
  });
  it.each([
    ["two lengths", ["content-length: 1", "content-length: 2"]],
    ["a length that is no number", ["content-length: +1"]],
    ["a list of lengths", ["content-length: 1, 1"]],
    ["a length beside chunks", ["content-length: 1", "transfer-encoding: chunked"]],
    ["two codings", ["transfer-encoding: gzip", "transfer-encoding: chunked"]],
    ["another coding", ["transfer-encoding: gzip, chunked"]],
    ["a space before the colon", ["content-length : 1"]],
    ["a folded line", ["x: 1", " 2"]],
    ["no colon", ["content-length"]],
    ["a bare line feed", ["x: 1\nContent-Length: 1"]],
    ["a zero byte", ["x: \0"]],
  ])("is refused with %s", (_what, lines) => {
    expect(() => parseHead(head("HTTP/1.1 200 OK", ...lines), "GET")).toThrow(TransportError);
  });
  it("of any text is read or refused, and nothing else", () => {
    const line = fc.oneof(
      fc.constantFrom("HTTP/1.1 200 OK", "content-length: 3", "transfer-encoding: chunked", "a: b", ""),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          expect(parseHead(head(...lines), "GET").status).toBeGreaterThanOrEqual(100);
        } catch (error) {
          expect(error).toBeInstanceOf(TransportError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

/** Feeds the bytes in pieces of the sizes given, over and over. */
const feed = (bytes: Buffer, sizes: ReadonlyArray<number>) => {
  const reader = new ChunkReader();
  const out: Buffer[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.byteLength && !reader.done; turn += 1) {
    const piece = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
    const { slices, used } = reader.take(piece);
    out.push(...slices);
    at += used;
  }
  return { body: Buffer.concat(out), done: reader.done, used: at };
};

describe("a body in chunks", () => {
  const content = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 });
  it("gives its bytes, however it is cut", () => {
    fc.assert(
      fc.property(content, sizes, fc.constantFrom("", ";a=b"), (chunks, cuts, extension) => {
        const parts = chunks.map((chunk) =>
          Buffer.concat([Buffer.from(`${chunk.byteLength.toString(16)}${extension}\r\n`), chunk, Buffer.from("\r\n")]),
        );
        const wire = Buffer.concat([...parts, Buffer.from("0\r\nTrailer: x\r\n\r\n"), Buffer.from("next")]);
        const read = feed(wire, cuts);
        expect(read.done).toBe(true);
        expect(read.body.equals(Buffer.concat(chunks))).toBe(true);
        expect(read.used).toBe(wire.byteLength - 4);
      }),
    );
  });
  it.each(["\r\n", "x\r\n", "-1\r\n", "1\nab\r\n", "1\r\nab\r\n", "ffffffffffffff\r\n", "0\n\n"])(
    "%j is none",
    (wire) => {
      expect(() => feed(Buffer.from(wire), [3])).toThrow(TransportError);
    },
  );
  it("of any bytes is read or refused, and nothing else", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: fc.constantFrom("0", "1", "a", ";", "\r\n") }),
    );
    fc.assert(
      fc.property(bytes, sizes, (wire, cuts) => {
        try {
          feed(Buffer.from(wire as Uint8Array), cuts);
        } catch (error) {
          expect(error).toBeInstanceOf(TransportError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
