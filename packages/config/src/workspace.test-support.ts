import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as Effect from "effect/Effect";
import { onTestFinished } from "vitest";
import { type Loaded, type LoadOptions, loadConfig } from "./load.ts";
import { formatProblem } from "./problem.ts";

/** A directory with these files, gone when the test ends. */
export const directoryWith = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), "drayage-config-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
};

/** Loads `drayage.yaml` of these files. Problems come as their lines. */
export const load = async (
  files: Readonly<Record<string, string>> | string,
  options: Partial<LoadOptions> = {},
): Promise<Loaded | ReadonlyArray<string>> => {
  const cwd = options.cwd ?? (await directoryWith(typeof files === "string" ? { "drayage.yaml": files } : files));
  const result = await Effect.runPromise(Effect.result(loadConfig({ env: {}, secrets: "required", ...options, cwd })));
  return result._tag === "Success" ? result.success : result.failure.problems.map(formatProblem);
};

/** The same for files that must be sound. */
export const loaded = async (...args: Parameters<typeof load>): Promise<Loaded> => {
  const result = await load(...args);
  if (!("config" in result)) throw new Error(result.join("\n"));
  return result;
};

export const REGISTRIES = `registries:
  lab: { type: oci, url: http://127.0.0.1:5000 }
  prod: { type: oci, url: http://127.0.0.1:5001 }
  jfrog: { type: artifactory, url: https://acme.example }
`;
