import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { start, tail } from "./process.ts";
import { Hopeless, waitFor } from "./wait.ts";

describe("waitFor", () => {
  it("gives what the probe gives, once it does", async () => {
    let asked = 0;
    const probe = (): string | false => {
      asked += 1;
      return asked === 3 && "there";
    };
    expect(await waitFor(probe, { what: "it", withinMs: 10_000, everyMs: 1 })).toBe("there");
    expect(asked).toBe(3);
  });
  it("fails with the last reason and the explanation", async () => {
    const probe = (): never => {
      throw new Error("49 of 50");
    };
    await expect(waitFor(probe, { what: "the tags", withinMs: 0, explain: () => "the log" })).rejects.toThrow(
      /waited 0 ms for the tags: 49 of 50\nthe log/,
    );
  });
  it("fails at once when the probe says that there is no hope", async () => {
    const probe = (): never => {
      throw new Hopeless("it ended");
    };
    await expect(waitFor(probe, { what: "it", withinMs: 3_600_000 })).rejects.toThrow("for it: it ended");
  });
});

describe("a process", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drayage-process-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const node = (name: string, code: string) =>
    start(process.execPath, ["-e", code], { name, log: join(folder, `${name}.log`) });

  it("is awaited with what it wrote and how it ended", async () => {
    const child = await node("says", "console.log('out'); console.error('err'); process.exitCode = 3");
    expect(await child.exited).toEqual({ code: 3, signal: null });
    expect(child.output().split("\n").sort()).toEqual(["", "err", "out"]);
    expect(tail(child)).toContain("ended");
    expect(await child.stop()).toEqual({ code: 3, signal: null });
  });
  it("that does not end by itself is killed", async () => {
    const child = await node(
      "stays",
      "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)",
    );
    await waitFor(() => child.output().includes("up"), { what: "the process", withinMs: 10_000 });
    expect(child.running()).toBe(true);
    expect(await child.stop({ withinMs: 50 })).toEqual({ code: null, signal: "SIGKILL" });
    expect(child.running()).toBe(false);
  });
  it("that cannot be started is an error", async () => {
    await expect(start("/no/such/command", [], { name: "none", log: join(folder, "none.log") })).rejects.toThrow(
      "ENOENT",
    );
  });
});
