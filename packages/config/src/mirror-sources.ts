import { compileGlobs } from "@drayage/domain";
import type { FoundIn, RouteAt } from "./semantics.ts";
import type { WireHead } from "./wire.ts";

/**
 * Routes that would mirror deletions out of a cache or a view: what is gone there was perhaps only evicted, or is shown by another member
 * (DESIGN.md section 6). What the file does not declare is asked of the registry before each deletion.
 */
export const mirrorsOfViews = <File>(
  routes: ReadonlyArray<RouteAt<File>>,
  head: WireHead,
): ReadonlyArray<FoundIn<File>> =>
  routes.flatMap(({ file, path, route }) => {
    const source = Object.hasOwn(head.registries, route.from) ? head.registries[route.from] : undefined;
    if (route.deletes.mode !== "mirror" || source?.type !== "artifactory") return [];
    return Object.keys(source.repositories).flatMap((key) => {
      const why = whyNotStored(source.repositories, key);
      if (why === undefined || !reads(route.select.repositories, key)) return [];
      const message = `deletions cannot be mirrored from ${key}: ${why}`;
      const mend = `Exclude it ("!${key}/**" in select.repositories), give it a route with deletes: ignore, or read the local repositories`;
      return [{ file, finding: { path: [...path, "deletes"], message, mend } }];
    });
  });

type Declared = Readonly<Record<string, "local" | "remote" | { readonly virtual: ReadonlyArray<string> }>>;

/** A member that is not declared is taken for local here; the registry is asked later. */
const whyNotStored = (declared: Declared, key: string, above: ReadonlyArray<string> = []): string | undefined => {
  const kind = Object.hasOwn(declared, key) ? declared[key] : undefined;
  if (kind === "remote") return `${key} is remote, and what is gone there was evicted`;
  if (typeof kind !== "object" || above.includes(key)) return undefined;
  return kind.virtual.flatMap((member) => whyNotStored(declared, member, [...above, key]) ?? [])[0];
};

/** Whether globs can select an image of a key: by their first segments, unless the whole key is excluded. */
const reads = (globs: ReadonlyArray<string>, key: string): boolean => {
  const negatives = globs.filter((glob) => glob.startsWith("!") && !glob.startsWith("!("));
  const positives = globs.filter((glob) => !negatives.includes(glob));
  if (negatives.some((glob) => glob === `!${key}/**` || glob === "!**")) return false;
  return positives.length === 0 || positives.some((glob) => mayBegin(glob, key));
};

/** A brace or a parenthesis may hold a slash: then the glob is taken to select anything, which errs to the safe side. */
const mayBegin = (glob: string, key: string): boolean => {
  const [first = ""] = glob.split("/");
  if (/[{}()]/.test(glob) || first.includes("**")) return true;
  return compileGlobs([first])(key);
};
