import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { rolldown } from "rolldown";
import type { Command } from "./measure.ts";
import type { Security } from "./security.ts";
import type { SeededRepository } from "./sets.ts";

/** What is to be copied, and between whom. */
export interface Work {
  readonly source: string;
  readonly target: string;
  readonly repositories: ReadonlyArray<SeededRepository>;
  /** Where files of the run may be written. */
  readonly folder: string;
  readonly security?: Security | undefined;
}

/** One that does the work. `undefined`: it has no way to do this set in a few processes. */
export interface Contender {
  readonly name: string;
  readonly command: (work: Work) => Promise<Command | undefined>;
}

const ROOT = join(import.meta.dirname, "../../..");

/** The first file of that name on PATH. */
export const findOnPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** A loop over whole repositories in one shell: what people write around a tool that takes one at a time. */
const loop = (lines: ReadonlyArray<string>, env: Command["env"]): Command => ({
  file: "/bin/sh",
  args: ["-ec", lines.join("\n")],
  env,
});

const write = async (work: Work, name: string, document: unknown): Promise<string> => {
  await mkdir(work.folder, { recursive: true });
  const file = join(work.folder, name);
  await writeFile(file, JSON.stringify(document)); // JSON is YAML.
  return file;
};

/** Docker's own file of credentials, and the root certificate: all of the contenders read both. */
const environment = async (work: Work): Promise<Readonly<Record<string, string>>> => {
  const { security } = work;
  const auth = security && Buffer.from(`${security.username}:${security.password}`).toString("base64");
  const auths = auth === undefined ? {} : { [work.source]: { auth }, [work.target]: { auth } };
  const file = await write(work, "config.json", { auths });
  const roots =
    security === undefined ? {} : { SSL_CERT_FILE: security.certificate, NODE_EXTRA_CA_CERTS: security.certificate };
  return { DOCKER_CONFIG: work.folder, REGISTRY_AUTH_FILE: file, ...roots };
};

/** One repository: the command `dray copy --all-tags`. Several, or TLS on a loopback host: a program on the public API, since the command takes neither. */
const drayage = (profile: string | undefined): Contender => ({
  name: "drayage",
  command: async (work) => {
    const env = { ...(await environment(work)), NODE_COMPILE_CACHE: join(work.folder, "compiled") };
    const node = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    const [only] = work.repositories;
    if (work.repositories.length === 1 && only !== undefined && work.security === undefined) {
      const main = join(ROOT, "apps/dray/dist/main.js");
      const names = [`${work.source}/${only.name}`, `${work.target}/${only.name}`];
      return { file: process.execPath, args: [...node, main, "copy", ...names, "--all-tags"], env };
    }
    const file = await write(work, "drayage.json", {
      source: work.source,
      target: work.target,
      scheme: work.security === undefined ? "http" : "https",
      repositories: work.repositories.map(({ name }) => name),
    });
    return { file: process.execPath, args: [...node, await bundledDriver(work.folder), file], env };
  },
});

/** The program as one ships it: in one piece, as the peers are. */
const bundledDriver = async (folder: string): Promise<string> => {
  const dir = join(folder, "driver");
  if (!existsSync(join(dir, "driver.js"))) {
    const bundle = await rolldown({ input: join(import.meta.dirname, "driver.mjs"), platform: "node" });
    await bundle.write({ dir });
    await writeFile(join(dir, "package.json"), JSON.stringify({ type: "module" }));
  }
  return join(dir, "driver.js");
};

const skopeo = (path: string): Contender => ({
  name: "skopeo sync",
  command: async (work) => {
    const verify = work.security !== undefined;
    const images = Object.fromEntries(work.repositories.map(({ name }) => [name, []]));
    const file = await write(work, "skopeo.yaml", { [work.source]: { "tls-verify": verify, images } });
    const options = ["--insecure-policy", "sync", "--all", "--src", "yaml", "--dest", "docker"];
    return {
      file: path,
      args: [...options, `--dest-tls-verify=${verify}`, file, work.target],
      env: await environment(work),
    };
  },
});

const crane = (path: string, jobs: number | undefined): Contender => ({
  name: jobs === undefined ? "crane cp -a" : `crane cp -a -j ${jobs}`,
  command: async (work) => {
    const more = `${jobs === undefined ? "" : ` --jobs ${jobs}`}${work.security === undefined ? " --insecure" : ""}`;
    const lines = work.repositories.map(
      ({ name }) => `${path} copy --all-tags${more} ${work.source}/${name} ${work.target}/${name}`,
    );
    return loop(lines, await environment(work));
  },
});

const regsync = (path: string, parallel: number): Contender => ({
  name: `regsync -p ${parallel}`,
  command: async (work) => {
    const { security } = work;
    const creds = [work.source, work.target].map((registry) => ({
      registry,
      tls: security === undefined ? "disabled" : "enabled",
      ...(security === undefined ? {} : { user: security.username, pass: security.password }),
    }));
    const sync = work.repositories.map(({ name }) => ({
      source: `${work.source}/${name}`,
      target: `${work.target}/${name}`,
      type: "repository",
    }));
    const file = await write(work, `regsync-${parallel}.yaml`, { version: 1, creds, defaults: { parallel }, sync });
    return { file: path, args: ["once", "-c", file, "--verbosity", "warn"], env: await environment(work) };
  },
});

/** It copies one tag at a time; more than these would measure the start of processes. */
const ORAS_IMAGES_MAX = 10;

const oras = (path: string): Contender => ({
  name: "oras cp",
  command: async (work) => {
    const images = work.repositories.flatMap(({ name, tags }) => [...tags.keys()].map((tag) => `${name}:${tag}`));
    if (images.length > ORAS_IMAGES_MAX) return undefined;
    const plain = work.security === undefined ? " --from-plain-http --to-plain-http" : "";
    const lines = images.map((image) => `${path} cp${plain} ${work.source}/${image} ${work.target}/${image}`);
    return loop(lines, await environment(work));
  },
});

/** Drayage alone. */
export const ours = drayage(undefined);

/** Drayage first, then the peers that are on PATH. */
export const contenders = (found: {
  readonly skopeo: string;
  readonly profile?: string | undefined;
}): ReadonlyArray<Contender> => {
  const peers: Contender[] = [drayage(found.profile), skopeo(found.skopeo)];
  const add = (name: string, ...make: ReadonlyArray<(path: string) => Contender>): void => {
    const path = findOnPath(name);
    if (path !== undefined) peers.push(...make.map((one) => one(path)));
  };
  add(
    "crane",
    (path) => crane(path, undefined),
    (path) => crane(path, 16),
  );
  add(
    "regsync",
    (path) => regsync(path, 4),
    (path) => regsync(path, 16),
  );
  add("oras", oras);
  return peers;
};
