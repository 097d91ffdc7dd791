import type { OnReadOpts, Socket } from "node:net";
import type { Readable } from "node:stream";
import type { InterruptionSignal } from "../interruption.ts";
import type { BufferStore } from "./buffers.ts";
import { ChunkReader } from "./chunks.ts";
import { TransportError } from "./errors.ts";
import { borrow } from "./lending.ts";
import { openSocket, type SocketSetup } from "./open-socket.ts";
import { ReadMemory } from "./read-memory.ts";
import { HEAD_BYTES_MAX, invalid, parseHead, type ResponseHead } from "./response-head.ts";
import { WireBody } from "./wire-body.ts";

/** One request, in its last form. */
export interface WireRequest {
  readonly method: string;
  /** Request line and headers, with the empty line at their end. */
  readonly head: string;
  readonly body: Readable | Uint8Array | undefined;
  /** Bytes of a streamed body. */
  readonly length: number;
  readonly signal: InterruptionSignal;
  /** From the last byte of the request to the first of the answer, ms. */
  readonly answerTimeoutMs: number;
}

/** An answer, whose body may still be on the wire. */
export interface WireAnswer {
  readonly head: ResponseHead;
  /** Absent where the answer has none: most have not. */
  readonly body: WireBody | undefined;
}

export interface ConnectionSetup extends SocketSetup {
  readonly connectTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly buffers: BufferStore;
  /** Called when the connection may take the next request, and once when it is gone. */
  readonly onIdle: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
}

interface Exchange {
  readonly request: WireRequest;
  readonly resolve: (answer: WireAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly onAbort: () => void;
  isSent: boolean;
  head: ResponseHead | undefined;
  body: WireBody | undefined;
  chunks: ChunkReader | undefined;
  /** Bytes of the body that are still to come. */
  left: number;
}

const HEAD_BYTES_USUAL = 4096;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * One connection: one request after the other, HTTP/1.1, no pipelining. It reads into buffers that it lends to the reader of the body, and
 * stops reading while all of them are lent: that is its back-pressure. Anything that it does not expect ends it.
 */
export class Connection {
  readonly #options: ConnectionSetup;
  readonly #socket: Socket;
  readonly #memory: ReadMemory;
  #exchange: Exchange | undefined;
  #partialHead = "";
  #isConnected = false;
  #isClosed = false;
  /** When the connection has failed unless something moves, by `performance.now()`. */
  #deadline: number;
  #restsMs = NEVER;
  /** Until when it may rest; set by the pool. */
  idleUntil = NEVER;

  constructor(options: ConnectionSetup) {
    this.#options = options;
    this.#memory = new ReadMemory(options.buffers, () => this.#readOn());
    this.#deadline = performance.now() + options.connectTimeoutMs;
    const onread: OnReadOpts = {
      buffer: () => this.#memory.room(),
      callback: (bytes) => this.#onBytes(bytes),
    };
    this.#socket = openSocket(options, onread);
    this.#socket.setNoDelay(true);
    this.#socket.once(options.connectTo.protocol === "https:" ? "secureConnect" : "connect", () => {
      this.#isConnected = true;
      this.#deadline = NEVER;
      if (this.#exchange?.isSent === true) this.#awaitAnswer(this.#exchange);
    });
    this.#socket.on("error", (error) => this.fail(error));
    this.#socket.on("end", () => this.#onEnd());
    this.#socket.on("close", () => this.fail(closed()));
  }

  send(request: WireRequest): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.fail(abortError(request.signal));
      this.#exchange = {
        request,
        resolve,
        reject,
        onAbort,
        isSent: false,
        head: undefined,
        body: undefined,
        chunks: undefined,
        left: 0,
      };
      this.idleUntil = NEVER;
      if (this.#isClosed) return this.#rejectWith(closed());
      if (request.signal.aborted) return onAbort();
      request.signal.addEventListener("abort", onAbort, { once: true });
      this.#write(this.#exchange);
    });
  }

  /** Looked at every second by the pool. */
  tick(now: number): void {
    if (now > this.#deadline) this.fail(stalled());
    else if (now > this.idleUntil) this.fail(closed());
  }

  /** Ends it; whoever waits on it learns why. */
  fail(error: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#deadline = NEVER;
    this.#socket.destroy();
    this.#rejectWith(error);
    this.#memory.close();
    this.#options.onClosed(this);
  }

  /** The reader of the body is gone, or never comes. */
  drop(): void {
    this.fail(closed());
  }

  /** The reader of the body wants it: from now on a source that sends nothing has stalled. */
  want(): void {
    if (this.#exchange?.head !== undefined && !this.#memory.isFull) this.#expectMore();
  }

  #rejectWith(error: Error): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    exchange.request.signal.removeEventListener("abort", exchange.onAbort);
    const { body } = exchange.request;
    if (body !== undefined && !(body instanceof Uint8Array) && !exchange.isSent) body.destroy();
    // Until it is handed out, nobody reads the body: the error is the request's.
    exchange.body?.broke(error);
    exchange.reject(error);
  }

  // ---- out

  #write(exchange: Exchange): void {
    const { head, body } = exchange.request;
    const socket = this.#socket;
    if (body === undefined) {
      socket.write(head, "latin1");
      this.#sent(exchange);
    } else if (body instanceof Uint8Array) {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
      this.#sent(exchange);
    } else {
      socket.write(head, "latin1");
      this.#writeStream(exchange, body);
    }
  }

  #writeStream(exchange: Exchange, body: Readable): void {
    const { length } = exchange.request;
    let passed = 0;
    borrow(body, {
      piece: (piece, done) => {
        passed += piece.byteLength;
        if (this.#exchange !== exchange || exchange.isSent) done();
        else if (passed > length) {
          done();
          this.fail(new TransportError("DRAYAGE_BODY_LENGTH", `the body has more than its ${length} bytes`));
        } else this.#socket.write(piece, done);
      },
      end: () => {
        if (this.#exchange !== exchange) return;
        if (passed === length) this.#sent(exchange);
        else this.fail(new TransportError("DRAYAGE_BODY_LENGTH", `the body has ${passed} of its ${length} bytes`));
      },
      fail: (error) => {
        if (this.#exchange === exchange && !exchange.isSent) this.fail(error);
      },
    });
  }

  #sent(exchange: Exchange): void {
    exchange.isSent = true;
    if (this.#isConnected && exchange.head === undefined) this.#awaitAnswer(exchange);
  }

  #awaitAnswer(exchange: Exchange): void {
    this.#deadline = performance.now() + exchange.request.answerTimeoutMs;
  }

  // ---- in

  #onBytes(count: number): boolean {
    this.#memory.read(count, (bytes) => {
      try {
        this.#take(bytes);
      } catch (error) {
        this.fail(error instanceof Error ? error : invalid(String(error)));
      }
    });
    if (this.#isClosed) return false;
    const goesOn = this.#memory.findRoom(this.#exchange?.left ?? 0);
    // The reader of the body has all that there is: no byte can come until it gives some back.
    if (!goesOn) this.#deadline = NEVER;
    return goesOn;
  }

  #readOn(): void {
    if (this.#exchange !== undefined) this.#expectMore();
    this.#socket.resume();
  }

  #take(bytes: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === undefined) throw invalid("bytes that nobody asked for");
    if (exchange.head !== undefined) {
      this.#takeBody(exchange, bytes);
      return;
    }
    let rest = bytes;
    for (;;) {
      const parsed = this.#readHead(exchange, rest);
      if (parsed === undefined) return;
      rest = parsed.rest;
      // 100 and 103 say that the answer comes later.
      if (parsed.head.status >= 200) {
        this.#begin(exchange, parsed.head, rest);
        return;
      }
      if (parsed.head.status === 101) throw invalid("it changes the protocol");
    }
  }

  #readHead(exchange: Exchange, bytes: Buffer): { readonly head: ResponseHead; readonly rest: Buffer } | undefined {
    const { method } = exchange.request;
    if (this.#partialHead === "") {
      // As text, since that is what it is read as, and a search in bytes is dearer than both. A head is rarely longer than this.
      const text = bytes.toString("latin1", 0, HEAD_BYTES_USUAL);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) return { head: parseHead(text.slice(0, end), method), rest: bytes.subarray(end + 4) };
    }
    // The end of a head may lie between two reads: what came before is joined with this one.
    const before = this.#partialHead.length;
    const text = this.#partialHead + bytes.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end > HEAD_BYTES_MAX || (end < 0 && text.length > HEAD_BYTES_MAX)) throw invalid("its head is too long");
    this.#partialHead = end < 0 ? text : "";
    return end < 0
      ? undefined
      : { head: parseHead(text.slice(0, end), method), rest: bytes.subarray(end + 4 - before) };
  }

  #begin(exchange: Exchange, head: ResponseHead, rest: Buffer): void {
    const { framing } = head;
    exchange.head = head;
    exchange.left = framing._tag === "Length" ? framing.bytes : NEVER;
    if (framing._tag === "Chunked") exchange.chunks = new ChunkReader();
    const isEmpty = framing._tag === "Length" && framing.bytes === 0;
    const body = isEmpty ? undefined : new WireBody(this, framing._tag === "Length" ? framing.bytes : undefined);
    exchange.body = body;
    // Nobody may come for the body for a while, and that is no stall.
    this.#deadline = NEVER;
    if (framing._tag === "Length" && framing.bytes <= rest.byteLength) {
      // All of it is here: copied, so that the connection is free at once.
      if (rest.byteLength > framing.bytes) throw invalid("bytes after the end of the answer");
      if (rest.byteLength > 0) body?.piece(Buffer.from(rest), () => {});
      this.#ended(exchange);
    } else if (rest.byteLength > 0) this.#takeBody(exchange, rest);
    exchange.resolve({ head, body });
  }

  #takeBody(exchange: Exchange, bytes: Buffer): void {
    const { body, chunks } = exchange;
    if (body === undefined) return;
    const read = chunks?.take(bytes);
    const used = read?.used ?? Math.min(bytes.byteLength, exchange.left);
    if (read === undefined) this.#lend(body, bytes.subarray(0, used));
    else for (const slice of read.slices) this.#lend(body, slice);
    exchange.left -= used;
    const isDone = chunks?.done ?? exchange.left === 0;
    if (used < bytes.byteLength) throw invalid("bytes after the end of the answer");
    if (isDone) this.#ended(exchange);
    else this.#expectMore();
  }

  #lend(body: WireBody, slice: Buffer): void {
    if (slice.byteLength > 0) body.piece(slice, this.#memory.lend());
  }

  #expectMore(): void {
    this.#deadline = performance.now() + this.#options.stallTimeoutMs;
  }

  /** The answer is whole. The connection is free when its request is too; otherwise it is of no more use. */
  #ended(exchange: Exchange): void {
    const { head, body, request } = exchange;
    this.#exchange = undefined;
    this.#deadline = NEVER;
    request.signal.removeEventListener("abort", exchange.onAbort);
    body?.whole();
    if (!exchange.isSent && request.body !== undefined && !(request.body instanceof Uint8Array)) request.body.destroy();
    if (!exchange.isSent || head?.keepAlive !== true) {
      this.fail(closed());
      return;
    }
    this.#restsMs = head.keepAliveMs ?? NEVER;
    this.#options.onIdle(this);
  }

  /** The time that the server keeps it open, if it has said so, ms. */
  get restsMs(): number {
    return this.#restsMs;
  }

  #onEnd(): void {
    const exchange = this.#exchange;
    if (exchange?.head?.framing._tag === "UntilClose") this.#ended(exchange);
    this.fail(closed());
  }
}

const closed = (): TransportError => new TransportError("DRAYAGE_CLOSED", "the connection was closed");
const stalled = (): TransportError => new TransportError("DRAYAGE_STALLED", "nothing came for too long");
const abortError = (signal: InterruptionSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new TransportError("DRAYAGE_CLOSED", "the request was given up");
