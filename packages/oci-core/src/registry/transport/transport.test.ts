import { createHash, randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createServer as createTlsServer } from "node:tls";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { CERTIFICATE, KEY } from "./certificate.test-support.ts";
import type { WireAnswer, WireRequest } from "./connection.ts";
import { borrow, LendingStream } from "./lending.ts";
import { makeTransport, type Transport } from "./transport.ts";

const closing: Array<() => void> = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server of bare bytes: `answer` gets each connection, and what has come on it so far, after each piece. */
const listen = async (answer: (socket: Socket, received: string, connection: number) => void): Promise<URL> => {
  let connections = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const number = connections;
    connections += 1;
    open.add(socket);
    let received = "";
    socket.on("error", () => undefined);
    socket.on("data", (piece) => {
      received += piece.toString("latin1");
      answer(socket, received, number);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
};

/**
 * For everything that is not to stall. A slow end takes what the kernel holds for it after all was sent, so on a busy machine its answer comes late as
 * well.
 */
const PATIENT_MS = 20_000;

const transport = (more: Partial<Parameters<typeof makeTransport>[0]> = {}): Transport => {
  const made = makeTransport({
    connectTimeoutMs: PATIENT_MS,
    stallTimeoutMs: PATIENT_MS,
    keepAliveMs: PATIENT_MS,
    ...more,
  });
  closing.push(made.close);
  return made;
};

const request = (method = "GET", more: Partial<WireRequest> = {}): WireRequest => ({
  method,
  head: `${method} / HTTP/1.1\r\nhost: x\r\n\r\n`,
  body: undefined,
  length: 0,
  signal: new AbortController().signal,
  answerTimeoutMs: PATIENT_MS,
  ...more,
});

const ends = (received: string): boolean => received.endsWith("\r\n\r\n");
const bytesOf = (answer: WireAnswer): Promise<Buffer> => buffer(answer.body ?? Readable.from([]));
const text = async (answer: WireAnswer): Promise<string> => (await bytesOf(answer)).toString();

describe("the transport", () => {
  it("reads an answer however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (body, cuts, isChunked) => {
          const framing = isChunked ? "transfer-encoding: chunked" : `content-length: ${body.byteLength}`;
          const size = body.byteLength.toString(16);
          const chunked = [
            Buffer.from(`${size}\r\n`),
            body,
            Buffer.from(body.byteLength > 0 ? "\r\n0\r\n\r\n" : "\r\n"),
          ];
          const wire = Buffer.concat([
            Buffer.from(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${framing}\r\n\r\n`),
            ...(isChunked ? chunked : [body]),
          ]);
          const url = await listen((socket, received) => {
            if (!ends(received)) return;
            socket.setNoDelay(true);
            for (let at = 0, turn = 0; at < wire.byteLength; turn += 1) {
              const cut = cuts[turn % cuts.length] ?? 1;
              socket.write(wire.subarray(at, at + cut));
              at += cut;
            }
          });
          const answer = await transport().send(url, request());
          expect((await bytesOf(answer)).equals(Buffer.from(body))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("uses a connection again, and opens a second one while it is busy", async () => {
    const seen: number[] = [];
    const url = await listen((socket, received, connection) => {
      if (!ends(received)) return;
      seen.push(connection);
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    const { send } = transport();
    for (let turn = 0; turn < 5; turn += 1) expect(await text(await send(url, request()))).toBe("ok");
    await Promise.all([send(url, request()), send(url, request())]);
    expect(seen).toEqual([0, 0, 0, 0, 0, 0, 1]);
  });

  it("does not use a connection again that said more than it was asked", async () => {
    const url = await listen((socket, received, connection) => {
      if (ends(received)) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${connection}!`);
      if (connection === 0) setTimeout(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), 20);
    });
    const { send } = transport();
    expect(await text(await send(url, request()))).toBe("0!");
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await text(await send(url, request()))).toBe("1!");
  });

  it("repeats a GET whose resting connection was closed, and nothing else", async () => {
    const url = await listen((socket, received, connection) => {
      if (connection % 2 === 0 && received.split("\r\n\r\n").length > 2) socket.destroy();
      else if (ends(received)) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    const { send } = transport();
    expect(await text(await send(url, request()))).toBe("ok");
    expect(await text(await send(url, request()))).toBe("ok");
    const other = transport();
    expect(await text(await other.send(url, request()))).toBe("ok");
    await expect(other.send(url, request("POST"))).rejects.toThrow();
  });

  it.each([
    ["that is no HTTP", "hello\r\n\r\n"],
    ["with more than it promised", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc"],
    ["to a HEAD with a body", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"],
    ["that changes the protocol", "HTTP/1.1 101 Switching\r\n\r\n"],
    ["without an end of its head", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`],
  ])("refuses an answer %s", async (_what, wire) => {
    const url = await listen((socket) => socket.write(wire));
    await expect(transport().send(url, request("HEAD"))).rejects.toMatchObject({ code: "DRAYAGE_INVALID_ANSWER" });
  });

  it("a body that ends too early breaks, one without a length ends with its connection", async () => {
    const url = await listen((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"));
    const answer = await transport().send(url, request());
    await expect(text(answer)).rejects.toMatchObject({ code: "DRAYAGE_CLOSED" });
    const open = await listen((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nabc"));
    expect(await text(await transport().send(open, request()))).toBe("abc");
  });

  it("ends what stands still: an answer that does not come, a body that stops", async () => {
    const silent = await listen(() => undefined);
    const impatient = transport({ stallTimeoutMs: 50 });
    await expect(impatient.send(silent, request("GET", { answerTimeoutMs: 50 }))).rejects.toMatchObject({
      code: "DRAYAGE_STALLED",
    });
    const stopping = await listen((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"));
    const answer = await impatient.send(stopping, request());
    await expect(text(answer)).rejects.toMatchObject({ code: "DRAYAGE_STALLED" });
  });

  it("ends when it is told to, and when it is closed", async () => {
    const silent = await listen(() => undefined);
    const control = new AbortController();
    const made = transport();
    const asked = made.send(silent, request("GET", { signal: control.signal }));
    control.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    const other = made.send(silent, request());
    made.close();
    await expect(other).rejects.toMatchObject({ code: "DRAYAGE_CLOSED" });
    await expect(made.send(silent, request())).rejects.toMatchObject({ code: "DRAYAGE_CLOSED" });
  });

  it("holds a streamed body to its length", async () => {
    const url = await listen(() => undefined);
    for (const length of [2, 4]) {
      const body = Readable.from([Buffer.from("abc")], { objectMode: false });
      await expect(transport().send(url, request("PUT", { body, length }))).rejects.toMatchObject({
        code: "DRAYAGE_BODY_LENGTH",
      });
    }
  });

  it("hears an answer that comes before the body is sent, and lets go of the body", async () => {
    const url = await listen((socket) => socket.write("HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno"));
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.alloc(10));
    const answer = await transport().send(url, request("PUT", { body, length: 1000 }));
    expect(answer.head.status).toBe(401);
    expect(await text(answer)).toBe("no");
    expect(body.destroyed).toBe(true);
  });

  it.each([
    ["http:", 1],
    ["http:", 20],
    ["https:", 1],
    ["https:", 20],
  ])("passes megabytes from one connection to another over %s, with a slow end (%d ms)", async (protocol, pauseMs) => {
    const content = randomBytes(6 * 1024 * 1024);
    const from = await serve(protocol, (socket, piece) => {
      if (!piece.toString("latin1").endsWith("\r\n\r\n")) return;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${content.byteLength}\r\n\r\n`);
      socket.write(content);
    });
    const hash = createHash("sha256");
    let taken = 0;
    const to = await serve(protocol, (socket, piece) => {
      hash.update(piece);
      taken += piece.byteLength;
      if (taken % 3 === 0) {
        socket.pause();
        setTimeout(() => socket.resume(), pauseMs);
      }
      if (taken === content.byteLength) socket.write("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
    });
    const made = transport({ tls: { ca: CERTIFICATE } });
    const read = await made.send(from, request());
    const sent = await made.send(to, request("PUT", { head: "", body: read.body, length: content.byteLength }));
    expect(sent.head.status).toBe(201);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
  });

  it("believes no certificate but the host's own, whatever the address", async () => {
    const url = await serve("https:", (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    await expect(transport().send(url, request())).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    const tls = { ca: CERTIFICATE };
    const at = (host: string): URL => new URL(`https://${host}:${url.port}`);
    const send = (host: string) => transport({ tls, endpoint: url }).send(at(host), request());
    expect(await text(await send("registry.test"))).toBe("ok");
    await expect(send("other.test")).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });
});

/** A server that is told of each piece as it comes. */
const serve = async (protocol: string, onPiece: (socket: Socket, piece: Buffer) => void): Promise<URL> => {
  const take = (socket: Socket): void => {
    closing.push(() => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("data", (piece: Buffer) => onPiece(socket, piece));
  };
  const server = protocol === "https:" ? createTlsServer({ cert: CERTIFICATE, key: KEY }, take) : createServer(take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return new URL(`${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`);
};

class Lent extends LendingStream {
  readonly given: string[] = [];
  begun = 0;
  abandoned = 0;
  protected override begin(): void {
    this.begun += 1;
  }
  protected override abandon(): void {
    this.abandoned += 1;
  }
  say(piece: string): void {
    this.give(Buffer.from(piece), () => this.given.push(piece));
  }
  stop(): void {
    this.finish();
  }
}

describe("a stream that lends", () => {
  it("begins when it is wanted, and gives copies to who reads it", async () => {
    const stream = new Lent();
    stream.say("a");
    expect(stream.begun).toBe(0);
    const read = buffer(stream);
    await new Promise((resolve) => setImmediate(resolve));
    stream.say("b");
    stream.stop();
    expect((await read).toString()).toBe("ab");
    expect([stream.given.join(""), stream.begun, stream.abandoned]).toEqual(["ab", 1, 0]);
  });
  it("is lent once, closes after its end, and gives back what nobody took", async () => {
    const stream = new Lent();
    const taken: string[] = [];
    const done: Array<() => void> = [];
    let ended = 0;
    const close = new Promise((resolve) => stream.once("close", resolve));
    borrow(stream, {
      piece: (piece, back) => {
        taken.push(piece.toString());
        done.push(back);
      },
      end: () => {
        ended += 1;
      },
      fail: () => expect.unreachable(),
    });
    expect(() => stream.lend({ piece: () => {}, end: () => {}, fail: () => {} })).toThrow("once");
    stream.say("a");
    expect([taken, stream.given]).toEqual([["a"], []]);
    done[0]?.();
    stream.stop();
    await close;
    expect([stream.given, ended]).toEqual([["a"], 1]);

    const dropped = new Lent();
    dropped.say("x");
    dropped.destroy();
    dropped.say("y");
    expect([dropped.given, dropped.abandoned]).toEqual([["x", "y"], 1]);
  });
  it("tells its borrower why it broke, also one that comes too late", () => {
    const stream = new Lent();
    stream.on("error", () => undefined);
    const failures: string[] = [];
    const borrower = { piece: () => {}, end: () => expect.unreachable(), fail: (e: Error) => failures.push(e.message) };
    borrow(stream, borrower);
    stream.destroy(new Error("broke"));
    const late = new Lent();
    late.destroy();
    borrow(late, borrower);
    expect(failures).toEqual(["broke", "the body was closed before it was read"]);
  });
});
