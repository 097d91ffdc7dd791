import {
  type Collision,
  compileRoutes,
  findCollisions,
  findFeedback,
  type RegistryLookup,
  type Route,
  routeProblems,
  type SourceTag,
} from "@drayage/domain";
import { field } from "./field.ts";
import { suggest } from "./nearest.ts";
import type { Finding, Path } from "./problem.ts";
import { isLoopbackHost } from "./units.ts";
import type { WireHead } from "./wire.ts";

/** Where in its file a route stands. */
export interface RouteAt<File> {
  readonly file: File;
  readonly path: Path;
  readonly route: Route;
}
export interface FoundIn<File> {
  readonly file: File;
  readonly finding: Finding;
}

/** Names in a route that no registry has. Works on plain data, so that a mistake elsewhere in the route does not hide it. */
export const unknownRegistries = (route: unknown, base: Path, known: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const uses: Array<{ readonly path: Path; readonly name: unknown }> = [
    { path: [...base, "from"], name: field(route, "from") },
  ];
  const to = field(route, "to");
  if (Array.isArray(to)) {
    for (const [index, target] of to.entries()) {
      uses.push({ path: [...base, "to", index, "registry"], name: field(target, "registry") });
      const near = field(target, "bytesFrom");
      if (!Array.isArray(near)) continue;
      for (const [at, name] of near.entries()) uses.push({ path: [...base, "to", index, "bytesFrom", at], name });
    }
  }
  return uses.flatMap(({ path, name }) =>
    typeof name !== "string" || known.includes(name)
      ? []
      : [{ path, message: `there is no registry "${name}"`, mend: suggest(name, known) }],
  );
};

/** What one sound route gets wrong by itself: globs, templates, patterns. */
export const checkRoute = (
  { route, path }: { readonly route: Route; readonly path: Path },
  lookup: RegistryLookup,
): ReadonlyArray<Finding> =>
  routeProblems(route, lookup).map((problem) => ({
    path: [...path, ...problem.path],
    message: problem.what,
    mend: capital(problem.mend),
  }));
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Names that two routes share. The second is told, and where the first stands. */
export const duplicateNames = <File>(
  routes: ReadonlyArray<RouteAt<File>>,
  describe: (at: RouteAt<File>) => string,
): ReadonlyArray<FoundIn<File>> => {
  const first = new Map<string, RouteAt<File>>();
  return routes.flatMap((at) => {
    const other = first.get(at.route.name);
    if (other === undefined) {
      first.set(at.route.name, at);
      return [];
    }
    const message = `route name "${at.route.name}" is already used at ${describe(other)}`;
    return [
      { file: at.file, finding: { path: [...at.path, "name"], message, mend: "Give each route a name of its own" } },
    ];
  });
};

/**
 * What goes over all routes: two sources with one name at a target, and routes that feed on what they deliver. Only for routes without
 * other problems. What is possible and not certain is a warning.
 */
export const checkTogether = <File>(
  routes: ReadonlyArray<RouteAt<File>>,
  lookup: RegistryLookup,
): { readonly problems: ReadonlyArray<FoundIn<File>>; readonly warnings: ReadonlyArray<FoundIn<File>> } => {
  const compiled = compileRoutes(
    routes.map(({ route }) => route),
    lookup,
  );
  const byName = new Map(routes.map((at) => [at.route.name, at]));
  const found = (name: string, below: Path, message: string, mend: string): ReadonlyArray<FoundIn<File>> => {
    const at = byName.get(name);
    return at === undefined ? [] : [{ file: at.file, finding: { path: [...at.path, ...below], message, mend } }];
  };
  const collisions = findCollisions(compiled);
  const meet = ({ first, second, target }: Collision): ReadonlyArray<FoundIn<File>> => {
    const by = first.route === second.route ? "" : ` (routes ${first.route} and ${second.route})`;
    const name = `${target.target}/${target.repository}:${target.tag}`;
    return found(
      second.route,
      ["to", second.to],
      `${show(first.source)} and ${show(second.source)} would both become ${name}${by}`,
      "Keep them apart by a placeholder ({repository}, {image}, {tag}) or a prefix, or narrow `select`",
    );
  };
  const feedback = findFeedback(compiled).flatMap(({ _tag, route, chain }) =>
    found(
      route,
      ["to"],
      _tag === "itself"
        ? `${show(chain.at(-1))} would be delivered to itself`
        : `every delivery would make a new name that is delivered again: ${chain.slice(0, 3).map(show).join(", ")}, …`,
      "Deliver elsewhere, or exclude what is delivered in `select.repositories`",
    ),
  );
  return {
    problems: [...feedback, ...collisions.filter(({ certain }) => certain).flatMap(meet)],
    warnings: collisions.filter(({ certain }) => !certain).flatMap(meet),
  };
};
const show = (source: SourceTag | undefined): string =>
  source === undefined ? "" : `${source.registry}/${source.repository}:${source.tag}`;

/** What goes over several keys of the main file. */
export const checkHead = (head: WireHead): ReadonlyArray<Finding> => {
  const problems: Array<Finding> = [];
  if (head.admin.tokens.length === 0 && !isLoopbackHost(head.http.admin.host)) {
    problems.push({
      path: ["http", "admin", "host"],
      message: "admin would be open to everybody: it has no tokens",
      mend: "Add `admin.tokens`, or listen on 127.0.0.1",
    });
  }
  return problems;
};

/** What is allowed and may still surprise. */
export const warnHead = (head: WireHead, routes: ReadonlyArray<Route>): ReadonlyArray<Finding> => {
  const warnings: Array<Finding> = [];
  const sources = new Set(routes.map(({ from }) => from));
  for (const [name, registry] of Object.entries(head.registries)) {
    const open = !isLoopbackHost(head.http.ingest.host);
    if (open && sources.has(name) && hearsLoopbackOnly(registry)) {
      warnings.push({
        path: ["registries", name],
        message: `notifications of ${name} are heard from loopback only: it has no secret`,
        mend: "Add `notifications.secret`",
      });
    }
    const clear = registry.url?.protocol === "http:" && !isLoopbackHost(registry.url.hostname);
    if (clear && registry.auth !== "anonymous") {
      warnings.push({
        path: ["registries", name, "url"],
        message: "credentials would travel in clear text",
        mend: "Use https",
      });
    }
  }
  if (routes.length === 0)
    warnings.push({ path: [], message: "there are no routes: nothing is delivered", mend: "Add `routes`" });
  return warnings;
};

/** Whether what it posts to us could be anybody's. A subscription is fetched, and a push of Pub/Sub is signed. */
const hearsLoopbackOnly = ({ notifications }: WireHead["registries"][string]): boolean => {
  if (notifications === undefined || "subscription" in notifications || "push" in notifications) return false;
  const isFetched = "queue" in notifications && notifications.queue !== undefined;
  return !isFetched && notifications.secret === undefined;
};
