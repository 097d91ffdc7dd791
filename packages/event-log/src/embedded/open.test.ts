/** The embedded server and its owners, in processes of their own that are killed as power cuts and OOM killers do. */
import { chmod, chown, cp, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect, it } from "vitest";
import { errorOf, eventually, Home, query, urlOf } from "../testing/embedded-home.ts";
import { findBinaries, packageRoot } from "./binaries.ts";
import { layoutOf } from "./cluster.ts";
import { openEmbedded } from "./open.ts";

const TEST = { timeout: 90_000 };
const asRoot = process.geteuid?.() === 0;
/** As root the tests that want a plain user become one; a plain user is one already. */
const NOBODY = asRoot ? { uid: 65_534, gid: 65_534 } : {};

/** Side by side: most of their time is waiting for processes. */
const test = (name: string, body: (home: Home) => Promise<void>): void =>
  it.concurrent(name, TEST, () => Home.use(body));

describe("the owner", () => {
  test("starts the server and stops it, and the data is there the next time", async (home) => {
    const first = await home.start("owner");
    await query(urlOf(first.said), "create table t as select 1 as n");
    await first.kill("SIGTERM");
    expect(await home.serverPid()).toBeUndefined();
    const second = await home.start("owner");
    expect(second.said).toMatchObject({ adopted: false });
    expect(await query(urlOf(second.said), "select n from t")).toEqual([1]);
    expect(
      await query(urlOf(second.said), "select current_setting('fsync'), current_setting('listen_addresses')"),
    ).toEqual(["on", ""]);
    await second.kill("SIGTERM");
  });

  test("is one of several that start at the same time; the others say who it is", async (home) => {
    const started = await Promise.all([home.start("owner"), home.start("owner"), home.start("owner")]);
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

  test("that was killed is followed by one that takes over the running server and stops it at its end", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    await query(urlOf(first.said), "create table t as select 1 as n");
    const pid = await home.serverPid();
    await first.kill("SIGKILL");
    expect(await home.serverPid()).toBe(pid);
    const second = await home.start("owner");
    expect(second.said).toMatchObject({ adopted: true });
    expect(await home.serverPid()).toBe(pid);
    expect(await query(urlOf(second.said), "select n from t")).toEqual([1]);
    await second.kill("SIGTERM");
    expect(await home.serverPid()).toBeUndefined();
  });

  test("that was killed together with the server is followed by one that starts it", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    await query(urlOf(first.said), "create table t as select 1 as n");
    await first.kill("SIGKILL");
    await home.killServer();
    const second = await home.start("owner");
    expect(second.said).toMatchObject({ adopted: false });
    expect(await query(urlOf(second.said), "select n from t")).toEqual([1]);
    await second.kill("SIGTERM");
  });

  test("that has another TMPDIR than the one before keeps the socket where it is, also after a respawn", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    await first.kill("SIGKILL");
    const second = await home.start("owner", undefined, { tmpdir: home.dataDir });
    expect(urlOf(second.said)).toBe(urlOf(first.said));
    await home.killServer();
    const alive = await eventually(
      () => query(urlOf(second.said), "select 1"),
      () => true,
    );
    expect(alive).toEqual([1]);
    expect((await home.start("guest")).said).toMatchObject({ url: urlOf(first.said) });
  });

  test("starts a killed server again, also one that it took over", async (home) => {
    await home.seed();
    const first = await home.start("owner");
    for (const owner of [first, undefined]) {
      if (owner === undefined) await first.kill("SIGKILL");
      const { said } = owner ?? (await home.start("owner"));
      const pid = await home.killServer();
      await eventually(
        () => home.serverPid(),
        (now) => now !== undefined && now !== pid,
      );
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
  test("finds no server where none runs, and starts none", async (home) => {
    expect(errorOf((await home.start("guest")).said)).toBe("NotRunning");
    const owner = await home.start("owner");
    await owner.kill("SIGTERM");
    expect(errorOf((await home.start("guest")).said)).toBe("NotRunning");
    expect(await home.serverPid()).toBeUndefined();
  });

  test("uses the server of the owner and leaves it running, whether it ends or is killed", async (home) => {
    await home.seed();
    const owner = await home.start("owner");
    const pid = await home.serverPid();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const guest = await home.start("guest");
      expect(await query(urlOf(guest.said), "select 1")).toEqual([1]);
      await guest.kill(signal);
      expect(await home.serverPid()).toBe(pid);
    }
    await owner.kill("SIGKILL");
    const late = await home.start("guest");
    await late.kill("SIGTERM");
    expect(await home.serverPid()).toBe(pid);
  });
});

describe("the server's user", () => {
  for (const users of ["postgres,nobody", "no-such-user,nobody"]) {
    test(`as root, of ${users}, needs no way to the data directory`, async (home) => {
      const closed = join(home.dataDir, "closed"); // as root's home
      await mkdir(closed, { mode: 0o700 });
      const parent = home.dataDir;
      home.dataDir = join(closed, "data");
      const program = await home.start("owner", users);
      expect(await query(urlOf(program.said), "select 1")).toEqual([1]);
      const owner = (await stat(layoutOf(home.dataDir).cluster)).uid;
      expect(owner === 0).toBe(false);
      // Killed and started again there, too.
      await home.killServer();
      await eventually(
        () => query(urlOf(program.said), "select 1"),
        () => true,
      );
      await program.kill("SIGTERM");
      expect(await home.serverPid()).toBeUndefined();
      home.dataDir = parent;
    });
  }

  test("gets a copy of binaries that it cannot reach", async (home) => {
    const closed = join(home.dataDir, "closed");
    await mkdir(closed, { mode: 0o700 });
    const root = join(closed, "package");
    await cp(packageRoot(), root, { recursive: true, verbatimSymlinks: true });
    const cache = join(home.dataDir, "cache");
    await mkdir(cache);
    await chmod(home.dataDir, 0o755);
    const found = await findBinaries(asRoot ? NOBODY_USER : undefined, [cache], root);
    expect(found.postgres.startsWith(asRoot ? cache : root)).toBe(true);
    expect(found.major).toBe("18");
  });

  test("is ourselves when we are not root", async (home) => {
    if (asRoot) await chown(home.dataDir, 65_534, 65_534);
    const program = await home.start("owner", undefined, NOBODY);
    expect(await query(urlOf(program.said), "select 1")).toEqual([1]);
    const guest = await home.start("guest", undefined, NOBODY);
    expect(await query(urlOf(guest.said), "select 1")).toEqual([1]);
    await guest.kill("SIGTERM");
    await program.kill("SIGTERM");
    expect(await home.serverPid()).toBeUndefined();
  });

  test("that does not exist is named", async (home) => {
    const { said } = await home.start("owner", "no-such-user");
    if (asRoot)
      expect(said).toMatchObject({ error: "EmbeddedError", message: expect.stringContaining("no-such-user") });
    else expect(said).toHaveProperty("url");
  });
});
const NOBODY_USER = { uid: 65_534, gid: 65_534 };

describe("what is in the way is named", () => {
  const failure = ({ dataDir }: Home) =>
    Effect.runPromise(Effect.flip(Effect.scoped(openEmbedded({ dataDir, role: "owner" })))).then(
      (error) => error.message,
    );
  const { cluster } = layoutOf("");

  test("a cluster of another version", async (home) => {
    await mkdir(join(home.dataDir, cluster), { recursive: true });
    await writeFile(join(home.dataDir, cluster, "PG_VERSION"), "17\n");
    if (asRoot) await chown(join(home.dataDir, cluster), 65_534, 65_534);
    expect(await failure(home)).toContain("was made by PostgreSQL 17, we bring 18");
  });
  test("a directory that is no cluster", async (home) => {
    await mkdir(join(home.dataDir, cluster), { recursive: true });
    if (asRoot) await chown(join(home.dataDir, cluster), 65_534, 65_534);
    expect(await failure(home)).toContain("is no PostgreSQL cluster");
  });
  test("a broken cluster, with the server's own words", async (home) => {
    await home.seed();
    await rm(join(home.dataDir, cluster, "global"), { recursive: true });
    expect(await failure(home)).toMatch(/the server ended at once, see .*postgres\.log: .*global/);
  });
});

test("an interrupted start leaves no server behind", async (home) => {
  const opened = Effect.scoped(Effect.andThen(openEmbedded({ dataDir: home.dataDir, role: "owner" }), Effect.never));
  for (const afterMs of [20, 300, 700, 900]) {
    await Effect.runPromise(Effect.ignore(Effect.timeout(opened, afterMs)));
    await sleep(200); // what was begun and not awaited would show now
    expect(await home.serverPid()).toBeUndefined();
  }
  const url = await Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(openEmbedded({ dataDir: home.dataDir, role: "owner" }), (open) =>
        Effect.promise(() => query(Redacted.value(open.url), "select 1")),
      ),
    ),
  );
  expect(url).toEqual([1]);
});
