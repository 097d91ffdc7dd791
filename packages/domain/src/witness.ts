/**
 * Sample names that a route selects. A rule about patterns is proven by names: whoever finds two samples that meet at one target has
 * found names that real images may have. What the samples do not show is not claimed, so there are no false alarms.
 */
import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as semver from "semver";
import type { SourceTag } from "./event.ts";
import type { TagSelection } from "./route.ts";
import type { CompiledRoute } from "./select.ts";

/** What wildcards stand for. Names that read well in a message; two segments are enough to see what a placeholder drops. */
const SEGMENTS = ["app", "web"];
const PATHS = ["app", "web", "app/web", "web/web"];
const TAGS = ["latest", "1.0.0", "v1.0.0", "1", "2.0.0", "v2.0.0", "main"];
const TAG_PIECES = ["1", "2"];

/** Bounds of the search, so that `config check` stays fast with hundreds of routes: 64 repositories times 8 tags are 512 samples a route. */
const REPOSITORIES_MAX = 64;
const TAGS_MAX = 8;
/** Names that routes of one target lend each other: enough for the literal parts of some tens of routes. */
const LENT_MAX = 48;

/** What routes of one target lend each other, because their samples may meet there. */
export interface Lent {
  readonly paths: ReadonlyArray<string>;
  readonly tags: ReadonlyArray<string>;
}
const NOTHING: Lent = { paths: [], tags: [] };

/** Ends of names, and tags, of the samples of many routes. */
export const lend = (samples: Iterable<SourceTag>): Lent => {
  const names = new Set<string>();
  const tags = new Set<string>();
  for (const { repository, tag } of samples) {
    names.add(repository);
    tags.add(tag);
  }
  const tails = unique([...names].flatMap(tailsOf)).filter((tail) => !PATHS.includes(tail));
  return { paths: tails.slice(0, LENT_MAX), tags: [...tags].slice(0, LENT_MAX) };
};

/** Source names that the route certainly selects. */
export const witnesses = (compiled: CompiledRoute, lent: Lent = NOTHING): ReadonlyArray<SourceTag> => {
  const words: Words = {
    segments: [...SEGMENTS, ...lent.paths.filter((path) => !path.includes("/"))],
    paths: [...PATHS, ...lent.paths],
  };
  const globs = positives(compiled.route.select.repositories);
  const names = unique(globs.flatMap((glob) => instances(glob, words)))
    .flatMap((name) => parseRepositoryName(name) ?? [])
    .filter(compiled.selectsRepository)
    .slice(0, REPOSITORIES_MAX);
  const tags = unique([...ownTags(compiled.route.select.tags), ...lent.tags, ...TAGS])
    .flatMap((tag) => parseTag(tag) ?? [])
    .filter(compiled.selectsTag)
    .slice(0, TAGS_MAX);
  const registry = compiled.route.from;
  return names.flatMap((repository) => tags.map((tag) => ({ registry, repository, tag })));
};

const unique = <A>(values: Iterable<A>): ReadonlyArray<A> => [...new Set(values)];
const positives = (globs: ReadonlyArray<string>): ReadonlyArray<string> => {
  const positive = globs.filter((glob) => !glob.startsWith("!"));
  return positive.length === 0 ? ["**"] : positive;
};
const tailsOf = (name: string): ReadonlyArray<string> => {
  const segments = name.split("/");
  return segments.map((_, index) => segments.slice(index).join("/"));
};

const ownTags = (selection: TagSelection): ReadonlyArray<string> => {
  switch (selection._tag) {
    case "Globs":
      return positives(selection.globs).flatMap((glob) => instances(glob, { segments: TAG_PIECES, paths: TAG_PIECES }));
    case "Semver": {
      const least = semver.minVersion(selection.range);
      if (least === null) return [];
      const later = (["patch", "minor", "major"] as const).map((part) => semver.inc(least.version, part));
      return [least.version, ...later.filter((version) => version !== null)];
    }
    case "Regex":
      return [];
  }
};

interface Words {
  readonly segments: ReadonlyArray<string>;
  readonly paths: ReadonlyArray<string>;
}

/** Names that look like the glob. Braces, `*`, `**` and `?` are filled in; whatever is odd is caught by the real matcher afterwards. */
const instances = (glob: string, words: Words): ReadonlyArray<string> => {
  const pieces = glob.split(/(\*\*|\*|\?|\{[^{}]*\})/).filter((piece) => piece !== "");
  return pieces.reduce<ReadonlyArray<string>>(
    (heads, piece) => {
      const options = optionsOf(piece, words);
      return heads.flatMap((head) => options.map((option) => head + option)).slice(0, REPOSITORIES_MAX * 4);
    },
    [""],
  );
};
const optionsOf = (piece: string, words: Words): ReadonlyArray<string> => {
  if (piece === "**") return words.paths;
  if (piece === "*") return words.segments;
  if (piece === "?") return ["a", "b"];
  return piece.startsWith("{") ? piece.slice(1, -1).split(",") : [piece];
};
