import { request as httpRequest, type IncomingMessage } from "node:http";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Schedule from "effect/Schedule";
import * as Scope from "effect/Scope";
import { expect } from "vitest";
import { append, pushed, start, TOKEN, test, tokens } from "./admin.test-support.ts";

/** An open stream, read as far as a test asks. */
interface Open {
  readonly response: IncomingMessage;
  /** All text so far, once `wanted` says that it is enough. */
  readonly until: (wanted: (text: string) => boolean) => Effect.Effect<string>;
  readonly ended: Effect.Effect<string>;
  readonly cut: () => void;
}
const open = (url: string, headers: Readonly<Record<string, string>> = {}, query = ""): Effect.Effect<Open> =>
  Effect.promise(
    () =>
      new Promise<Open>((resolve, reject) => {
        const sent = httpRequest(`${url}/api/v1/events/stream${query}`, { headers, agent: false }, (response) => {
          let text = "";
          const over = Promise.withResolvers<string>();
          let waiting:
            | { readonly wanted: (text: string) => boolean; readonly done: (text: string) => void }
            | undefined;
          response.setEncoding("utf8").on("data", (piece: string) => {
            text += piece;
            if (waiting?.wanted(text) === true) waiting.done(text);
          });
          response.on("end", () => over.resolve(text)).on("error", () => {});
          resolve({
            response,
            until: (wanted) =>
              Effect.promise(
                () =>
                  new Promise((done) => {
                    if (wanted(text)) done(text);
                    else waiting = { wanted, done };
                  }),
              ),
            ended: Effect.promise(() => over.promise),
            cut: () => sent.destroy(),
          });
        });
        sent.on("error", reject).end();
      }),
  );
const ids = (text: string): ReadonlyArray<number> => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
const atLeast = (count: number) => (text: string) => ids(text).length >= count && text.endsWith("\n\n");

test("what is appended comes at once; a reader that connects again misses nothing", function* () {
  const old = yield* append(pushed("app:v0"));
  const { server } = yield* start();
  const live = yield* open(server.url);
  expect(live.response.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
  // The head was read before the answer began: what follows is new.
  yield* live.until((text) => text.includes(":\n\n"));
  const one = yield* append(pushed("app:v1"));
  const text = yield* live.until(atLeast(1));
  expect(text.startsWith("retry: 2000\n\n")).toBe(true);
  const data: unknown = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "");
  expect(data).toMatchObject({ specversion: "1.0", position: one, subject: "source/app:v1" });
  live.cut();

  const two = yield* append(pushed("app:v2"), { _tag: "ConfigurationApplied", revision: "r" });
  const again = yield* open(server.url, { "last-event-id": String(one) }, "?after=0");
  expect(ids(yield* again.until(atLeast(2)))).toEqual([two - 1, two]);
  again.cut();
  const all = yield* open(server.url, {}, "?after=0&type=ImagePushed");
  expect(ids(yield* all.until(atLeast(3)))).toEqual([old, one, two - 1]);
  all.cut();
});

test("a backlog longer than a batch comes whole and in order", function* () {
  yield* append(...Array.from({ length: 350 }, (_, n) => pushed(`app:v${n}`)));
  const { server } = yield* start();
  const stream = yield* open(server.url, {}, "?after=0");
  const got = ids(yield* stream.until(atLeast(350)));
  expect(got).toEqual(got.toSorted((a, b) => a - b));
  expect(new Set(got).size).toBe(350);
  stream.cut();
});

test("ends with the server, which does not wait for it", function* () {
  const scope = yield* Scope.make();
  const { server } = yield* Scope.provide(start(), scope);
  const stream = yield* open(server.url);
  yield* stream.until((text) => text.includes(":"));
  yield* Scope.close(scope, Exit.void);
  expect(yield* stream.ended).toContain("retry:");
});

test("wants a token as all else does", function* () {
  const { server, ask } = yield* start({ tokens });
  expect((yield* ask("/api/v1/events/stream")).status).toBe(401);
  const stream = yield* open(server.url, { authorization: `Bearer ${TOKEN}` });
  expect(stream.response.statusCode).toBe(200);
  stream.cut();
});

test("too many are refused, and those that were left make room", function* () {
  const { server, ask } = yield* start();
  const streams = yield* Effect.forEach(Array.from({ length: 64 }), () => open(server.url), { concurrency: 8 });
  const refused = yield* ask("/api/v1/events/stream");
  expect([refused.status, refused.headers["retry-after"], refused.json]).toMatchObject([
    503,
    "5",
    { title: "Too many streams" },
  ]);
  expect((yield* ask("/api/v1/targets")).status).toBe(200);
  for (const { cut } of streams.slice(1)) cut();
  const last = yield* open(server.url).pipe(
    Effect.filterOrFail(({ response }) => response.statusCode === 200),
    Effect.retry(Schedule.upTo(Schedule.spaced("20 millis"), { times: 500 })),
  );
  last.cut();
  streams[0]?.cut();
});
