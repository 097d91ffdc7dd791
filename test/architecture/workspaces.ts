import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Made by tools, not by us; everything else in the checkout is ours. */
const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git", ".turbo", ".nx", ".cache", ".drayage"]);

export interface TextFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly private?: boolean;
  readonly files?: ReadonlyArray<string>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package or an app. */
export interface Workspace {
  /** `packages/domain` */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of its `turbo.json`. */
  readonly tags: ReadonlyArray<string>;
  readonly sources: ReadonlyArray<TextFile>;
}

const read = (path: string): TextFile => ({ path, text: readFileSync(join(ROOT, path), "utf8") });
const readJson = <A>(path: string): A => JSON.parse(read(path).text) as A;

const walk = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name) || entry.isSymbolicLink()) return [];
    const path = relative(ROOT, join(ROOT, folder, entry.name));
    return entry.isDirectory() ? walk(path) : [path];
  });

/** Every text file of the checkout, binary ones left out. */
export const allFiles = (): ReadonlyArray<TextFile> =>
  walk(".")
    .map(read)
    .filter(({ text }) => !text.includes("\0"));

export const rootManifest = (): Manifest & { readonly workspaces: ReadonlyArray<string> } => readJson("package.json");

type Dependencies = Pick<Manifest, "dependencies" | "devDependencies" | "optionalDependencies">;

/** What the lock file says of each workspace; the root's key is empty. */
export const lockedWorkspaces = (): Readonly<Record<string, Dependencies>> =>
  readJson<{ readonly packages: Readonly<Record<string, Dependencies>> }>("package-lock.json").packages;

const workspacesIn = (folder: string): ReadonlyArray<Workspace> =>
  readdirSync(join(ROOT, folder))
    .map((name) => `${folder}/${name}`)
    .filter((path) => existsSync(join(ROOT, path, "package.json")))
    .map((path) => ({
      folder: path,
      manifest: readJson<Manifest>(`${path}/package.json`),
      tags: readJson<{ readonly tags?: ReadonlyArray<string> }>(`${path}/turbo.json`).tags ?? [],
      sources: existsSync(join(ROOT, path, "src"))
        ? walk(`${path}/src`)
            .filter((file) => file.endsWith(".ts"))
            .map(read)
        : [],
    }));

export const workspaces = (): ReadonlyArray<Workspace> => [...workspacesIn("packages"), ...workspacesIn("apps")];

/** Files that are neither shipped nor run outside of tests; `testing/` is what a package offers to the tests of others. */
export const isTestFile = (path: string): boolean =>
  /\.test\.ts$|\.test-support\.ts$/.test(path) || path.includes("/testing/");
