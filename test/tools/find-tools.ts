import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DebianError, takeFromDebian } from "./debian.ts";
import { NEEDED, type NeededTool, TOOL_NAMES, type ToolName, type Tools } from "./needed.ts";
import { onPath, works } from "./on-path.ts";

/** One line: which tools are missing, why they could not be had, and what to do. */
export class ToolsMissing extends Error {
  override readonly name = "ToolsMissing";
}

export interface FindOptions {
  /** Where what was taken from Debian is kept. Default: `DRAYAGE_TEST_TOOLS_CACHE`, then `.cache/debian` at the root of the checkout. */
  readonly cache?: string | undefined;
  /** `debian` passes over what is on PATH: to test the download. Default: `DRAYAGE_TEST_TOOLS`, then `path`. */
  readonly from?: string | undefined;
}

const DEFAULT_CACHE = fileURLToPath(new URL("../../.cache/debian", import.meta.url));

/**
 * Finds what the end-to-end tests need beyond npm: on PATH, else in the cache, else taken from Debian into the cache (no root
 * needed). Rejects with `ToolsMissing`; there is no running without them.
 */
export const findTools = async (options: FindOptions = {}): Promise<Tools> => {
  const { env } = process;
  const { cache = env["DRAYAGE_TEST_TOOLS_CACHE"] ?? DEFAULT_CACHE, from = env["DRAYAGE_TEST_TOOLS"] ?? "path" } =
    options;
  const found = new Map<ToolName, string>();
  if (from !== "debian") {
    for (const name of TOOL_NAMES) {
      const path = await onPath(NEEDED[name]);
      if (path !== undefined) found.set(name, path);
    }
  }
  const missing = TOOL_NAMES.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const bin = await binFolder(
      missing.map((name) => NEEDED[name]),
      cache,
    );
    for (const name of missing) found.set(name, await checked(NEEDED[name], join(bin, NEEDED[name].command)));
  }
  const path = (name: ToolName): string => found.get(name) ?? "";
  return {
    dockerRegistry: path("dockerRegistry"),
    skopeo: path("skopeo"),
    umoci: path("umoci"),
    busybox: path("busybox"),
  };
};

const binFolder = async (missing: ReadonlyArray<NeededTool>, cache: string): Promise<string> => {
  try {
    return join(await takeFromDebian(missing, cache), "bin");
  } catch (error) {
    const why = error instanceof DebianError ? error.message : String(error);
    throw missingError(missing, why);
  }
};

const checked = async (tool: NeededTool, path: string): Promise<string> => {
  if (await works(tool, path)) return path;
  throw missingError([tool], `${path} does not run here`);
};

const missingError = (missing: ReadonlyArray<NeededTool>, why: string): ToolsMissing =>
  new ToolsMissing(
    `the end-to-end tests need ${missing.map((tool) => tool.command).join(", ")}: not on PATH, and not to be had from Debian ` +
      `(${why.replaceAll("\n", " ")}); install ${missing.map((tool) => tool.package).join(" ")}, or see to it that apt-get reaches its mirror`,
  );
