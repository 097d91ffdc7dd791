import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cachedCopy } from "./binary-cache.ts";

let dir = "";
let source = "";
let parent = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "cache-"));
  source = join(dir, "package");
  parent = join(dir, "cache");
  await mkdir(join(source, "native/bin"), { recursive: true, mode: 0o700 });
  await mkdir(parent);
  await writeFile(join(source, "native/bin/postgres"), "program", { mode: 0o700 });
  await writeFile(join(source, "native/data"), "data", { mode: 0o600 });
});
afterEach(() => rm(dir, { recursive: true, force: true }));
const copy = () => cachedCopy(source, parent, "18.4.0", async () => {});

describe("a copy of the binaries", () => {
  it("can be read and run by all, and is written by us only", async () => {
    const path = await copy();
    const mode = async (name: string) => (await lstat(join(path, name))).mode & 0o777;
    expect([
      await mode("."),
      await mode("native/bin"),
      await mode("native/bin/postgres"),
      await mode("native/data"),
    ]).toEqual([0o755, 0o755, 0o755, 0o644]);
  });
  it("is made once, also by many at the same time", async () => {
    const paths = await Promise.all(Array.from({ length: 8 }, copy));
    expect(new Set(paths).size).toBe(1);
    const { ino } = await lstat(await copy());
    expect((await lstat(await copy())).ino).toBe(ino);
    expect(await readdir(parent)).toHaveLength(1);
  });
  it("is made anew when a file is missing or short", async () => {
    const path = await copy();
    await rm(join(path, "native/data"));
    await copy();
    await writeFile(join(path, "native/bin/postgres"), "prog");
    await copy();
    expect(await readFile(join(path, "native/data"), "utf8")).toBe("data");
    expect(await readFile(join(path, "native/bin/postgres"), "utf8")).toBe("program");
    expect(await readdir(parent)).toHaveLength(1);
  });
  it("is refused when others may write to it", async () => {
    await chmod(await copy(), 0o777);
    await expect(copy()).rejects.toThrow("others may write to it");
  });
});
