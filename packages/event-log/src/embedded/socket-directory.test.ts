import { chmod, lstat, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkSocketDirectory, makeSocketDirectory, socketDirectoryOf } from "./socket-directory.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sockets-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));
const own = process.geteuid?.() ?? 0;

describe("the directory of the socket", () => {
  it("is made closed to others, and taken when it is ours", async () => {
    const path = join(dir, "a");
    await makeSocketDirectory(path, undefined);
    expect((await lstat(path)).mode & 0o777).toBe(0o700);
    await makeSocketDirectory(path, undefined);
  });
  it("is refused when others may enter it", async () => {
    const path = join(dir, "a");
    await mkdir(path);
    await chmod(path, 0o755);
    await expect(makeSocketDirectory(path, undefined)).rejects.toThrow("is open to others (mode 755)");
  });
  it("is refused when it belongs to another user", async () => {
    expect((await checkSocketDirectory(dir, own + 1))?.message).toContain(
      `belongs to user id ${own}, not to ${own + 1}`,
    );
  });
  it("is refused when it is a link or a file", async () => {
    const path = join(dir, "link");
    await symlink(dir, path);
    await expect(makeSocketDirectory(path, undefined)).rejects.toThrow("is not a directory");
  });
  it("has a short name, of its own for each data directory and user", () => {
    const long = `/${"x".repeat(300)}`;
    const names = [socketDirectoryOf(long, 1), socketDirectoryOf(long, 2), socketDirectoryOf("/y", 1)];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(Buffer.byteLength(`${name}/.s.PGSQL.5432`)).toBeLessThanOrEqual(103);
  });
  it("lies in /tmp where the temporary directory is too long", () => {
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = `/${"x".repeat(100)}`;
    try {
      expect(socketDirectoryOf("/y", 1)).toMatch(/^\/tmp\/drayage-1-/);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });
});
