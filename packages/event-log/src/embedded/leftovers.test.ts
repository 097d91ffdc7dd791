/** What a killed process or container leaves: lock files with numbers that are others' by now, and servers that cannot be reached. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually, Home, query, urlOf } from "../testing/embedded-home.ts";
import { clearStaleLocks, findPostmaster } from "./postmaster.ts";
import { running } from "./process.ts";
import { SOCKET_FILE } from "./socket-directory.ts";

const TEST = { timeout: 90_000 };
const test = (name: string, body: (home: Home) => Promise<void>): void =>
  it.concurrent(name, TEST, () => Home.use(body));

const pidFile = (pid: number, cluster: string, startSeconds = 0): string =>
  `${pid}\n${cluster}\n${startSeconds}\n5432\n/tmp\n\n\n`;

describe("a lock file whose number is another's", () => {
  test("program's, or a zombie's, is removed", async ({ cluster }) => {
    await mkdir(cluster, { recursive: true });
    const file = join(cluster, "postmaster.pid");
    await writeFile(file, pidFile(process.pid, cluster));
    expect((await running(process.pid))?.name).not.toBe("postgres");
    expect(await findPostmaster(cluster)).toBeUndefined();
    await clearStaleLocks(cluster, cluster);
    await expect(stat(file)).rejects.toThrow("ENOENT");
  });

  test("server's, as in a container that starts again, is not taken for ours, and that server is left alone", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    const other = (await home.serverPid()) ?? expect.unreachable("no server runs");
    await Home.use(async (second) => {
      await second.seed();
      const owner = await second.start("owner");
      await owner.kill("SIGKILL");
      await second.killServer();
      const [, ...rest] = (await readFile(join(second.cluster, "postmaster.pid"), "utf8")).split("\n");
      await writeFile(join(second.cluster, "postmaster.pid"), [other, ...rest].join("\n"));
      const again = await second.start("owner");
      expect(again.said).toMatchObject({ adopted: false });
      await again.kill("SIGTERM");
    });
    expect(await home.serverPid()).toBe(other);
    expect(await query(urlOf(first.said), "select 1")).toEqual([1]);
  });

  test("program's beside the socket does not keep the server from starting", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    const { socketDirectory = "" } = (await findPostmaster(home.cluster)) ?? {};
    await first.kill("SIGKILL");
    await home.killServer();
    const { uid, gid } = await stat(home.cluster);
    // Of the server's own user, or PostgreSQL would see by itself that it cannot be a server of its.
    const somebody = spawn("sleep", ["600"], { uid, gid });
    const lock = join(socketDirectory, `${SOCKET_FILE}.lock`);
    await writeFile(lock, pidFile(somebody.pid ?? 0, home.cluster));
    await chown(lock, uid, gid);
    const second = await home.start("owner");
    expect(await query(urlOf(second.said), "select 1")).toEqual([1]);
    somebody.kill();
    await once(somebody, "exit");
  });
});

describe("a server whose socket was taken away", () => {
  test("is started again by its owner", async (home) => {
    await home.seed();
    const owner = await home.start("owner");
    const { pid, socketDirectory } = (await findPostmaster(home.cluster)) ?? expect.unreachable("no server runs");
    await rm(socketDirectory, { recursive: true });
    const now = await eventually(
      () => findPostmaster(home.cluster),
      (found) => found !== undefined && found.pid !== pid,
    );
    expect(now?.pid).not.toBe(pid);
    expect(
      await eventually(
        () => query(urlOf(owner.said), "select 1"),
        () => true,
      ),
    ).toEqual([1]);
  });

  test("is started again by the next owner", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    const { pid, socketDirectory } = (await findPostmaster(home.cluster)) ?? expect.unreachable("no server runs");
    await first.kill("SIGKILL");
    await rm(socketDirectory, { recursive: true });
    const second = await home.start("owner");
    expect(await query(urlOf(second.said), "select 1")).toEqual([1]);
    expect(await home.serverPid()).not.toBe(pid);
  });
});
