import { posix } from "node:path";
import type { TextFile } from "./workspaces.ts";

const COMMENTS = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;
const FROM = /\b(?:import|export)\b[^;'"`()]*?\bfrom\s*["']([^"']+)["']/g;
const BARE = /^\s*import\s*["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** What a source imports or exports from: types, side effects and `import()` too. */
export const importsOf = (text: string): ReadonlyArray<string> => {
  const code = text.replaceAll(COMMENTS, "");
  return [FROM, BARE, DYNAMIC].flatMap((pattern) => [...code.matchAll(pattern)].map(([, specifier = ""]) => specifier));
};

/** Imports with relative ones as paths from the root, so that a rule sees where they lead. */
export const resolvedImports = ({ path, text }: TextFile): ReadonlyArray<string> =>
  importsOf(text).map((specifier) =>
    specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier,
  );
