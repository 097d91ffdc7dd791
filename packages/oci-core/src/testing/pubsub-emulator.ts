import { spawn, spawnSync } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";

/** Google's emulator of Pub/Sub, as the Cloud SDK brings it: a program of Java. */
export interface Emulator {
  readonly jar: string;
}
/** Where it is, or why it cannot be used. */
export type FoundEmulator =
  | { readonly emulator: Emulator; readonly why?: never }
  | { readonly emulator?: never; readonly why: string };

const COMMANDS = ["cloud-pubsub-emulator", "pubsub-emulator"];
/** Where Google's Debian package puts the SDK; others say so in CLOUDSDK_ROOT_DIR. */
const SDK = "/usr/lib/google-cloud-sdk";
/** Without it the emulator takes as much memory as it likes. */
const HEAP = "-Xmx256m";
const START_MOST_MS = 60_000;
const LOOK_MS = 100;

/**
 * Looks at `PUBSUB_EMULATOR` (the program, its jar, or its folder), at PATH, and into the folder of the Cloud SDK. Where there is one its tests run
 * and have to pass; elsewhere the Pub/Sub in this process stands for it.
 */
export const findPubSubEmulator = (env: NodeJS.ProcessEnv = process.env): FoundEmulator => {
  const given = env["PUBSUB_EMULATOR"];
  const onPath = (env["PATH"] ?? "").split(delimiter).flatMap((folder) => COMMANDS.map((name) => join(folder, name)));
  const sdk = join(env["CLOUDSDK_ROOT_DIR"] ?? SDK, "platform", "pubsub-emulator");
  const places = given === undefined || given === "" ? [...onPath, sdk] : [given];
  const jar = places.map(jarOf).find((found) => found !== undefined);
  if (jar === undefined) return { why: "no Pub/Sub emulator: not in PUBSUB_EMULATOR, on PATH or in the Cloud SDK" };
  if (spawnSync("java", ["-version"]).status !== 0) return { why: "no Pub/Sub emulator: there is no java to run it" };
  return { emulator: { jar } };
};

/** For `describe.each`: the one that there is, or none, and then a line on stderr says so. */
export const pubSubEmulators = (): ReadonlyArray<Emulator> => {
  const { emulator, why } = findPubSubEmulator();
  if (emulator !== undefined) return [emulator];
  process.stderr.write(`${why}; its tests are left out, and those of the Pub/Sub in this process stand for them\n`);
  return [];
};

/** `bin/cloud-pubsub-emulator` starts `lib/…-all.jar`; it is started without the script, so that it can be stopped. */
const jarOf = (place: string): string | undefined => {
  try {
    const real = realpathSync(place);
    if (real.endsWith(".jar")) return real;
    for (const folder of [join(real, "lib"), join(dirname(real), "..", "lib")]) {
      const jar = jarsIn(folder).find((name) => name.startsWith("cloud-pubsub-emulator"));
      if (jar !== undefined) return join(folder, jar);
    }
  } catch {
    // not there
  }
  return undefined;
};

const jarsIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".jar"));
  } catch {
    return [];
  }
};

/** Starts it for the length of the scope. Returns `127.0.0.1:PORT`, for `PUBSUB_EMULATOR_HOST` or an endpoint. It keeps nothing. */
export const startPubSubEmulator = ({ jar }: Emulator): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const host = `127.0.0.1:${yield* Effect.promise(freePort)}`;
    const options = [HEAP, "-jar", jar, "--host=127.0.0.1", `--port=${host.split(":")[1]}`];
    yield* Effect.acquireRelease(
      Effect.sync(() => spawn("java", options, { stdio: "ignore" })),
      (java) => Effect.sync(() => java.kill()),
    );
    yield* Effect.promise(() => answers(host));
    return host;
  });

const answers = async (host: string): Promise<void> => {
  for (const end = Date.now() + START_MOST_MS; Date.now() < end; ) {
    const ok = await fetch(`http://${host}/`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`the Pub/Sub emulator at ${host} did not answer within ${START_MOST_MS} ms`);
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
