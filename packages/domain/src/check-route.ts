import { globsProblem, tagSelectionProblem } from "./match.ts";
import type { Route } from "./route.ts";
import type { RegistryLookup } from "./select.ts";
import { parseTemplate } from "./template.ts";

export interface RouteProblem {
  /** Where in the route, e.g. `["to", 0, "repository"]`; the names of the route's own fields. */
  readonly path: ReadonlyArray<string | number>;
  readonly what: string;
  readonly mend: string;
}

const GLOBS = "correct the glob: `*` stays within a segment, `**` crosses them, `!` excludes";

/** Everything that would keep a route from being compiled, all at once. A route without problems is safe for `compileRoutes`. */
export const routeProblems = (route: Route, lookup: RegistryLookup): ReadonlyArray<RouteProblem> => {
  const problems: Array<RouteProblem> = [];
  const add = (path: RouteProblem["path"], what: string | undefined, mend: string): void => {
    if (what !== undefined) problems.push({ path, what, mend });
  };
  const optionalGlobs = (path: RouteProblem["path"], globs: ReadonlyArray<string>): void => {
    if (globs.length > 0) add(path, globsProblem(globs), GLOBS);
  };
  add(["select", "repositories"], globsProblem(route.select.repositories), GLOBS);
  add(["select", "tags"], tagSelectionProblem(route.select.tags), "correct the selection of tags");
  if (typeof route.overwrite === "object") optionalGlobs(["overwrite", "allow"], route.overwrite.allow);
  if (route.deletes.mode === "mirror") optionalGlobs(["deletes", "protect"], route.deletes.protect);
  for (const [index, to] of route.to.entries()) {
    for (const field of ["repository", "tag"] as const) {
      const template = parseTemplate(to[field]);
      if (template._tag === "TemplateProblem") add(["to", index, field], template.what, template.mend);
      else if (template.placeholders.has("repositoryKey") && lookup(route.from)?.repositoryKey === false) {
        add(
          ["to", index, field],
          `${route.from} has no repository keys, so {repositoryKey} means nothing`,
          "use {repository} or {image}",
        );
      }
    }
  }
  return problems;
};
