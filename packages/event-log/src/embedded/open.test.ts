/** The embedded server and its owners, in processes of their own that are killed as power cuts and OOM killers do. */
import { chmod, chown, cp, mkdir, mkdtemp, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Program, runProgram, type Said } from "../testing/run-program.ts";
import { findBinaries, packageRoot } from "./binaries.ts";
import { layoutOf } from "./cluster.ts";
import { openEmbedded } from "./open.ts";
import { clearStalePidFile, findPostmaster } from "./postmaster.ts";
import { running } from "./process.ts";
import { stopServer } from "./server.ts";

const TEST = { timeout: 90_000 };
const asRoot = process.geteuid?.() === 0;
/** As root the tests that want a plain user become one; a plain user is one already. */
const NOBODY = asRoot ? { uid: 65_534, gid: 65_534 } : {};

let dataDir = "";
let programs: Array<Program> = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "embedded-"));
  programs = [];
});
afterEach(async () => {
  for (const program of programs) {
    if (program.child.exitCode === null && program.child.signalCode === null) await program.kill("SIGKILL");
  }
  const left = await findPostmaster(layoutOf(dataDir).cluster);
  if (left !== undefined) {
    await stopServer(left.pid);
    await rmdir(left.socketDirectory);
  }
  await rm(dataDir, { recursive: true, force: true });
});

const start = async (
  role: "owner" | "guest",
  users?: string,
  identity?: Parameters<typeof runProgram>[1],
): Promise<Program> => {
  const program = await runProgram([dataDir, role, ...(users === undefined ? [] : [users])], identity);
  programs.push(program);
  return program;
};
const urlOf = (said: Said): string => ("url" in said ? said.url : expect.unreachable(said.message));
const errorOf = (said: Said): string => ("error" in said ? said.error : expect.unreachable("it came up"));
const query = async (url: string, text: string): Promise<ReadonlyArray<unknown>> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query({ text, rowMode: "array" }).finally(() => client.end());
  return rows.flat();
};
const serverPid = async (): Promise<number | undefined> => (await findPostmaster(layoutOf(dataDir).cluster))?.pid;
/** Never 0, which as the target of a signal means ourselves and all our kin. */
const killServer = async (): Promise<number> => {
  const pid = (await serverPid()) ?? expect.unreachable("no server runs");
  process.kill(pid, "SIGKILL");
  return pid;
};
/** Until it holds: what another process does is not to be awaited otherwise. */
const eventually = async <A>(f: () => Promise<A>, holds: (value: A) => boolean): Promise<A> => {
  for (;;) {
    const value = await f().catch(() => undefined);
    if (value !== undefined && holds(value)) return value;
    await sleep(25);
  }
};

describe("the owner", () => {
  it("starts the server and stops it, and the data is there the next time", TEST, async () => {
    const first = await start("owner");
    await query(urlOf(first.said), "create table t as select 1 as n");
    await first.kill("SIGTERM");
    expect(await serverPid()).toBeUndefined();
    const second = await start("owner");
    expect(second.said).toMatchObject({ adopted: false });
    expect(await query(urlOf(second.said), "select n from t")).toEqual([1]);
    expect(
      await query(urlOf(second.said), "select current_setting('fsync'), current_setting('listen_addresses')"),
    ).toEqual(["on", ""]);
    await second.kill("SIGTERM");
  });

  it("is one of several that start at the same time; the others say who it is", TEST, async () => {
    const started = await Promise.all([start("owner"), start("owner"), start("owner")]);
    const up = started.filter(({ said }) => "url" in said);
    expect(up).toHaveLength(1);
    const refused = started.filter((program) => program !== up[0]);
    for (const { said } of refused) {
      expect(said).toMatchObject({
        error: "AlreadyOwned",
        message: expect.stringContaining(`process ${up[0]?.child.pid}`),
      });
    }
    await up[0]?.kill("SIGTERM");
  });

  it(
    "that was killed is followed by one that takes over the running server and stops it at its end",
    TEST,
    async () => {
      const first = await start("owner");
      await query(urlOf(first.said), "create table t as select 1 as n");
      const pid = await serverPid();
      await first.kill("SIGKILL");
      expect(await serverPid()).toBe(pid);
      const second = await start("owner");
      expect(second.said).toMatchObject({ adopted: true });
      expect(await serverPid()).toBe(pid);
      expect(await query(urlOf(second.said), "select n from t")).toEqual([1]);
      await second.kill("SIGTERM");
      expect(await serverPid()).toBeUndefined();
    },
  );

  it("that was killed together with the server is followed by one that starts it", TEST, async () => {
    const first = await start("owner");
    await query(urlOf(first.said), "create table t as select 1 as n");
    await first.kill("SIGKILL");
    await killServer();
    const second = await start("owner");
    expect(second.said).toMatchObject({ adopted: false });
    expect(await query(urlOf(second.said), "select n from t")).toEqual([1]);
    await second.kill("SIGTERM");
  });

  it(
    "that has another TMPDIR than the one before keeps the socket where it is, also after a respawn",
    TEST,
    async () => {
      const first = await start("owner");
      await first.kill("SIGKILL");
      const second = await start("owner", undefined, { tmpdir: dataDir });
      expect(urlOf(second.said)).toBe(urlOf(first.said));
      await killServer();
      const alive = await eventually(
        () => query(urlOf(second.said), "select 1"),
        () => true,
      );
      expect(alive).toEqual([1]);
      expect((await start("guest")).said).toMatchObject({ url: urlOf(first.said) });
    },
  );

  it("starts a killed server again, also one that it took over", TEST, async () => {
    const first = await start("owner");
    for (const owner of [first, undefined]) {
      if (owner === undefined) await first.kill("SIGKILL");
      const { said } = owner ?? (await start("owner"));
      const pid = await killServer();
      await eventually(serverPid, (now) => now !== undefined && now !== pid);
      expect(
        await eventually(
          () => query(urlOf(said), "select 1"),
          () => true,
        ),
      ).toEqual([1]);
    }
  });
});

describe("a guest", () => {
  it("finds no server where none runs, and starts none", TEST, async () => {
    expect(errorOf((await start("guest")).said)).toBe("NotRunning");
    const owner = await start("owner");
    await owner.kill("SIGTERM");
    expect(errorOf((await start("guest")).said)).toBe("NotRunning");
    expect(await serverPid()).toBeUndefined();
  });

  it("uses the server of the owner and leaves it running, whether it ends or is killed", TEST, async () => {
    const owner = await start("owner");
    const pid = await serverPid();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const guest = await start("guest");
      expect(await query(urlOf(guest.said), "select 1")).toEqual([1]);
      await guest.kill(signal);
      expect(await serverPid()).toBe(pid);
    }
    await owner.kill("SIGKILL");
    const late = await start("guest");
    await late.kill("SIGTERM");
    expect(await serverPid()).toBe(pid);
  });
});

describe("the server's user", () => {
  it.each(["postgres,nobody", "no-such-user,nobody"])(
    "as root, of %s, needs no way to the data directory",
    TEST,
    async (users) => {
      const closed = join(dataDir, "closed"); // as root's home
      await mkdir(closed, { mode: 0o700 });
      const parent = dataDir;
      dataDir = join(closed, "data");
      const program = await start("owner", users);
      expect(await query(urlOf(program.said), "select 1")).toEqual([1]);
      const owner = (await stat(layoutOf(dataDir).cluster)).uid;
      expect(owner === 0).toBe(false);
      // Killed and started again there, too.
      await killServer();
      await eventually(
        () => query(urlOf(program.said), "select 1"),
        () => true,
      );
      await program.kill("SIGTERM");
      expect(await serverPid()).toBeUndefined();
      dataDir = parent;
    },
  );

  it("gets a copy of binaries that it cannot reach", TEST, async () => {
    const closed = join(dataDir, "closed");
    await mkdir(closed, { mode: 0o700 });
    const root = join(closed, "package");
    await cp(packageRoot(), root, { recursive: true, verbatimSymlinks: true });
    const cache = join(dataDir, "cache");
    await mkdir(cache);
    await chmod(dataDir, 0o755);
    const found = await findBinaries(asRoot ? NOBODY_USER : undefined, [cache], root);
    expect(found.postgres.startsWith(asRoot ? cache : root)).toBe(true);
    expect(found.major).toBe("18");
  });

  it("is ourselves when we are not root", TEST, async () => {
    if (asRoot) await chown(dataDir, 65_534, 65_534);
    const program = await start("owner", undefined, NOBODY);
    expect(await query(urlOf(program.said), "select 1")).toEqual([1]);
    const guest = await start("guest", undefined, NOBODY);
    expect(await query(urlOf(guest.said), "select 1")).toEqual([1]);
    await guest.kill("SIGTERM");
    await program.kill("SIGTERM");
    expect(await serverPid()).toBeUndefined();
  });

  it("that does not exist is named", TEST, async () => {
    const { said } = await start("owner", "no-such-user");
    if (asRoot)
      expect(said).toMatchObject({ error: "EmbeddedError", message: expect.stringContaining("no-such-user") });
    else expect(said).toHaveProperty("url");
  });
});
const NOBODY_USER = { uid: 65_534, gid: 65_534 };

describe("what is in the way is named", () => {
  const failure = () =>
    Effect.runPromise(Effect.flip(Effect.scoped(openEmbedded({ dataDir, role: "owner" })))).then(
      (error) => error.message,
    );
  const { cluster } = layoutOf("");

  it("a cluster of another version", TEST, async () => {
    await mkdir(join(dataDir, cluster), { recursive: true });
    await writeFile(join(dataDir, cluster, "PG_VERSION"), "17\n");
    if (asRoot) await chown(join(dataDir, cluster), 65_534, 65_534);
    expect(await failure()).toContain("was made by PostgreSQL 17, we bring 18");
  });
  it("a directory that is no cluster", TEST, async () => {
    await mkdir(join(dataDir, cluster), { recursive: true });
    if (asRoot) await chown(join(dataDir, cluster), 65_534, 65_534);
    expect(await failure()).toContain("is no PostgreSQL cluster");
  });
  it("a broken cluster, with the server's own words", TEST, async () => {
    const opened = openEmbedded({ dataDir, role: "owner" });
    await Effect.runPromise(Effect.scoped(opened));
    await rm(join(dataDir, cluster, "global"), { recursive: true });
    expect(await failure()).toMatch(/the server ended at once, see .*postgres\.log: .*global/);
  });
});

it("a lock file of a server whose number is another program's, or a zombie's, is removed", async () => {
  const { cluster } = layoutOf(dataDir);
  await mkdir(cluster, { recursive: true });
  const file = join(cluster, "postmaster.pid");
  await writeFile(file, `${process.pid}\n${cluster}\n0\n5432\n/tmp\n`);
  expect((await running(process.pid))?.name).not.toBe("postgres");
  expect(await findPostmaster(cluster)).toBeUndefined();
  await clearStalePidFile(cluster);
  await expect(stat(file)).rejects.toThrow("ENOENT");
});

it("an interrupted start leaves no server behind", TEST, async () => {
  const opened = Effect.scoped(Effect.andThen(openEmbedded({ dataDir, role: "owner" }), Effect.never));
  for (const afterMs of [20, 300, 700, 900]) {
    await Effect.runPromise(Effect.ignore(Effect.timeout(opened, afterMs)));
    await sleep(200); // what was begun and not awaited would show now
    expect(await serverPid()).toBeUndefined();
  }
  const url = await Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(openEmbedded({ dataDir, role: "owner" }), (open) =>
        Effect.promise(() => query(Redacted.value(open.url), "select 1")),
      ),
    ),
  );
  expect(url).toEqual([1]);
});
