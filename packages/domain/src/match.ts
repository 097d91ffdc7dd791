import picomatch from "picomatch";
import * as semver from "semver";
import type { TagSelection } from "./route.ts";

export type Matcher = (name: string) => boolean;

/** Globs see names that begin with a dot too: `**` means everything. `!` is ours (`compileGlobs`), so picomatch must not read it again. */
const GLOB_OPTIONS = { dot: true, nonegate: true } as const;

/** `!x` excludes; `!(a|b)` is picomatch's own "anything but", and selects. */
const isNegative = (glob: string): boolean => glob.startsWith("!") && !glob.startsWith("!(");

/**
 * A list of globs as one question: a name is in when a positive glob matches and no negative one does, in whatever order they are
 * written. A list of negatives only selects everything else. `*` stays within a segment, `**` crosses them.
 */
export const compileGlobs = (globs: ReadonlyArray<string>): Matcher => {
  const positives = globs.filter((glob) => !isNegative(glob)).map((glob) => picomatch(glob, GLOB_OPTIONS));
  const negatives = globs.filter(isNegative).map((glob) => picomatch(glob.slice(1), GLOB_OPTIONS));
  const onlyNegatives = positives.length === 0 && negatives.length > 0;
  return (name) =>
    (onlyNegatives || positives.some((matches) => matches(name))) && !negatives.some((matches) => matches(name));
};

/** Whether a list of globs matches a name; an empty list matches nothing. For lists that are allowed to be empty (`protect`, `allow`). */
export const matchesAny = (globs: ReadonlyArray<string>, name: string): boolean =>
  globs.length > 0 && compileGlobs(globs)(name);

/**
 * A selection of tags as one question. Semver takes tags that are whole versions, with or without a `v` (`1.2.3`, `v1.2.3-rc.1`; `1.2` is none);
 * a prerelease is in only where the range names one of the same version. A regular expression must match the whole tag.
 */
export const compileTags = (selection: TagSelection): Matcher => {
  switch (selection._tag) {
    case "Globs":
      return compileGlobs(selection.globs);
    case "Semver": {
      const range = new semver.Range(selection.range);
      return (tag) => {
        const version = semver.parse(tag);
        return version !== null && range.test(version);
      };
    }
    case "Regex": {
      const pattern = new RegExp(`^(?:${selection.pattern})$`);
      return (tag) => pattern.test(tag);
    }
  }
};

/** Why a selection of tags cannot be compiled, in words; undefined when it can. */
export const tagSelectionProblem = (selection: TagSelection): string | undefined => {
  switch (selection._tag) {
    case "Globs":
      return globsProblem(selection.globs);
    case "Semver":
      return semver.validRange(selection.range) === null ? `not a semver range: "${selection.range}"` : undefined;
    case "Regex":
      try {
        // On its own first: `a)|(b` would become valid inside of the anchors and mean something else.
        new RegExp(selection.pattern);
        return undefined;
      } catch (cause) {
        return `not a regular expression: ${cause instanceof Error ? cause.message : String(cause)}`;
      }
  }
};

/** Longest glob we take: picomatch refuses more than 65,536 and nobody names a repository with more than 255. */
const GLOB_LENGTH_MAX = 1024;

/** Why a list of globs cannot be compiled, in words; undefined when it can. */
export const globsProblem = (globs: ReadonlyArray<string>): string | undefined => {
  if (globs.length === 0) return "an empty list selects nothing";
  for (const glob of globs) {
    const body = isNegative(glob) ? glob.slice(1) : glob;
    if (body === "") return "an empty glob matches nothing";
    if (body.length > GLOB_LENGTH_MAX) return `a glob of more than ${GLOB_LENGTH_MAX} characters`;
    try {
      picomatch(body, GLOB_OPTIONS);
    } catch (cause) {
      return `not a glob: "${glob}": ${cause instanceof Error ? cause.message : String(cause)}`;
    }
  }
  return undefined;
};
