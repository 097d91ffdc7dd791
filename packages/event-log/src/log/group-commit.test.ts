import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DatabaseError } from "../database/errors.ts";
import { checkEvents } from "./check-event.ts";
import { LogUnavailable } from "./errors.ts";
import {
  type Answer,
  type Batch,
  FLUSH_EVENTS_MAX,
  type Flush,
  makeGroupCommit,
  QUEUE_EVENTS_MAX,
} from "./group-commit.ts";

const batch = (...subjects: ReadonlyArray<string>): Batch => {
  const events = checkEvents(subjects.map((subject) => ({ type: "t", source: "s", subject, data: {} })));
  if ("_tag" in events) throw events;
  return { events, raw: [] };
};
const failure = (transient: boolean): DatabaseError =>
  new DatabaseError({ operation: "append", code: undefined, transient, detail: "no", cause: undefined });

/** A log in memory that records its flushes, and waits at each until it is told to go on. */
const memoryLog = (refuses: (subject: string) => DatabaseError | undefined = () => undefined) => {
  const flushes: Array<ReadonlyArray<string>> = [];
  let position = 0;
  let inFlight = 0;
  const flush: Flush = async ({ events }) => {
    inFlight++;
    expect(inFlight).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    inFlight--;
    const subjects = events.map((event) => event.subject ?? "");
    flushes.push(subjects);
    const refused = subjects.map(refuses).find((error) => error !== undefined);
    if (refused !== undefined) throw refused;
    return events.map(({ id }) => ({ id, position: ++position, duplicate: false }));
  };
  return { flush, flushes };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

const answers = () => {
  const got: Array<Answer> = [];
  return { got, answer: (answer: Answer) => void got.push(answer) };
};

describe("group commit", () => {
  it("flushes together what came together, and then all that came meanwhile", async () => {
    const { flush, flushes } = memoryLog();
    const group = makeGroupCommit(flush);
    const { got, answer } = answers();
    for (const subject of ["a", "b", "c"]) group.append(batch(subject), answer);
    await turn();
    for (const subject of ["d", "e"]) group.append(batch(subject), answer);
    await group.close();
    expect(flushes).toEqual([
      ["a", "b", "c"],
      ["d", "e"],
    ]);
    expect(got.map((one) => "_tag" in one || one.map(({ position }) => position))).toEqual([[1], [2], [3], [4], [5]]);
  });

  it("answers the senders of one flush while the next is on its way", async () => {
    const flushes: Array<PromiseWithResolvers<[]>> = [];
    const group = makeGroupCommit(() => {
      const held = Promise.withResolvers<[]>();
      flushes.push(held);
      return held.promise;
    });
    const { got, answer } = answers();
    group.append(batch("first"), answer);
    await turn();
    group.append(batch("second"), answer);
    flushes[0]?.resolve([]);
    await expect.poll(() => got.length).toBe(1);
    expect(flushes).toHaveLength(2);
    flushes[1]?.resolve([]);
    await group.close();
    expect(got).toHaveLength(2);
  });

  it("answers nobody before the flush has returned", async () => {
    const held = Promise.withResolvers<void>();
    const group = makeGroupCommit(async () => {
      await held.promise;
      return [];
    });
    const { got, answer } = answers();
    group.append(batch(), answer);
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toEqual([]);
    held.resolve();
    await group.close();
    expect(got).toEqual([[]]);
  });

  it("gives the others their own transaction when one is refused", async () => {
    const { flush, flushes } = memoryLog((subject) => (subject === "bad" ? failure(false) : undefined));
    const group = makeGroupCommit(flush);
    const { got, answer } = answers();
    for (const subject of ["a", "b", "bad", "c"]) group.append(batch(subject), answer);
    await group.close();
    expect(flushes).toEqual([["a", "b", "bad", "c"], ["a"], ["b"], ["bad"], ["c"]]);
    expect(got.map((one) => (one instanceof LogUnavailable ? one.transient : "ok"))).toEqual(["ok", "ok", false, "ok"]);
  });

  it("fails all of a flush that the database could not take, without trying each", async () => {
    const { flush, flushes } = memoryLog(() => failure(true));
    const group = makeGroupCommit(flush);
    const { got, answer } = answers();
    for (const subject of ["a", "b", "c"]) group.append(batch(subject), answer);
    await group.close();
    expect(flushes).toHaveLength(1);
    expect(got.every((one) => one instanceof LogUnavailable && one.transient)).toBe(true);
  });

  it("lives on after a bug", async () => {
    let calls = 0;
    const group = makeGroupCommit(async () => {
      if (++calls === 1) throw new TypeError("bug");
      return [];
    });
    const { got, answer } = answers();
    group.append(batch(), answer);
    await turn();
    group.append(batch(), answer);
    await group.close();
    expect(got[0]).toBeInstanceOf(LogUnavailable);
    expect(got[1]).toEqual([]);
  });

  it("refuses at once what is too much, and everything once it is closed", async () => {
    const { flush } = memoryLog();
    const group = makeGroupCommit(flush);
    const { got, answer } = answers();
    group.append(batch("in flight"), () => {});
    await turn();
    const large = batch(...Array.from({ length: QUEUE_EVENTS_MAX }, (_, i) => String(i)));
    group.append(large, () => {});
    group.append(batch("one too many"), answer);
    expect(got[0]).toBeInstanceOf(LogUnavailable);
    const closing = group.close();
    group.append(batch("late"), answer);
    expect(got[1]).toBeInstanceOf(LogUnavailable);
    await closing;
  });

  it("takes back what still waits", async () => {
    const { flush, flushes } = memoryLog();
    const group = makeGroupCommit(flush);
    group.append(batch("a"), () => {});
    const takeBack = group.append(batch("b"), () => {});
    group.append(batch("c"), () => {});
    takeBack();
    await group.close();
    expect(flushes).toEqual([["a", "c"]]);
  });

  it("keeps the order, the size of a flush, and each append together", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 20 }), async (sizes) => {
        const { flush, flushes } = memoryLog();
        const group = makeGroupCommit(flush);
        const lengths: Array<number> = [];
        const names = sizes.map((size, i) => Array.from({ length: size }, (_, k) => `${i}/${k}`));
        for (const subjects of names) {
          group.append(batch(...subjects), (answer) =>
            lengths.push(answer instanceof LogUnavailable ? -1 : answer.length),
          );
        }
        await group.close();
        expect(flushes.flat()).toEqual(names.flat());
        expect(lengths).toEqual(sizes);
        expect(flushes.every((one) => one.length <= FLUSH_EVENTS_MAX)).toBe(true);
      }),
      { numRuns: 30 },
    ));
});
