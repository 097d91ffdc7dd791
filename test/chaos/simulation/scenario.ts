import type { Guard, Route } from "@drayage/domain";
import type { RegistryTraits } from "@drayage/oci-core";
import type { Chance } from "./core/chance.ts";

/**
 * What a schedule is about. `storm`: everything may happen, notifications are lost, reconciliations run. `lossless`: everything but lost
 * notifications and lies of registries, and no reconciliation: events alone have to bring it level. `two-way`: two registries feed each other.
 * `chain`: a target is the source of the next. `rivals`: two sources want the same names at one target. `comings`: a target joins and another leaves while it all goes on. `isolation`: a target is dead and
 * an image poisoned for the whole time, and nothing else goes wrong.
 */
export type Profile = "storm" | "lossless" | "two-way" | "chain" | "rivals" | "comings" | "isolation";

export interface RegistryPlan {
  readonly strict: boolean;
  readonly mounts: boolean;
  readonly traits: Partial<RegistryTraits>;
  readonly deletesTags: boolean;
}

/** Everything about a schedule that is decided before it begins. */
export interface Scenario {
  readonly profile: Profile;
  readonly registries: Readonly<Record<string, RegistryPlan>>;
  /** Where people push to. */
  readonly sources: ReadonlyArray<string>;
  /** The routes at first, and from some time on. */
  readonly routes: ReadonlyArray<Route>;
  readonly routesLater: ReadonlyArray<Route>;
  readonly guard: Guard;
  /** How long things go wrong, ms. */
  readonly chaosMs: number;
  /** What people do in that time. */
  readonly changes: number;
  readonly notifications: {
    readonly lost: number;
    readonly doubled: number;
    /** At most, ms. */
    readonly late: number;
  };
  /** Of a process, at each of its steps. */
  readonly crashes: number;
  readonly weather: { readonly roads: boolean; readonly lies: boolean; readonly lag: number };
  readonly database: boolean;
  readonly reconcileEvery: number | undefined;
  readonly replicators: number;
}

const MINUTE = 60_000;
export const REPOSITORIES = ["team/app", "team/web"] as const;
/** Stays for ever, so that a repository is never empty and always has a witness. */
export const KEPT_TAG = "keep";
export const TAGS = ["v1", "v2", "v3", "latest"] as const;
/** Where somebody else may have put something at a target before we came. */
export const STRANGE_TAGS = ["s1", "s2"] as const;
/** Nobody deletes what matches at targets. */
export const PROTECTED = "s2";
export const CONFIRM_AFTER_MS = MINUTE;
/** The image that no process can copy, in `isolation`. */
export const POISONED_TAG = "poison";
/** The target that never answers, in `isolation`. */
export const DEAD_TARGET = "west";

const PROFILES = [
  "storm",
  "storm",
  "lossless",
  "lossless",
  "two-way",
  "chain",
  "rivals",
  "comings",
  "isolation",
] as const;
export const isProfile = (name: string): name is Profile => PROFILES.some((profile) => profile === name);
const WIDE: Guard = {
  perRepository: { most: 1_000, within: 60 * MINUTE },
  perTarget: { most: 1_000, within: 60 * MINUTE, fraction: 1 },
};
const TIGHT: Guard = {
  perRepository: { most: 2, within: 60 * MINUTE },
  perTarget: { most: 3, within: 60 * MINUTE, fraction: 1 },
};

export const scenarioOf = (chance: Chance, only?: Profile): Scenario => {
  const profile = only ?? chance.pick(PROFILES);
  const isCalm = profile === "isolation";
  const isKind = profile === "lossless" || profile === "two-way" || isCalm;
  const names = { storm: ["source", "east", "west"], lossless: ["source", "east", "west"] } as const;
  const registries = {
    ...names,
    isolation: names.storm,
    "two-way": ["a", "b"],
    chain: ["source", "middle", "edge"],
    rivals: ["one", "two", "east"],
    comings: ["source", "east", "west", "north"],
  }[profile];
  const { routes, routesLater } = routesOf(profile, policyOf(profile, chance));
  return {
    profile,
    registries: Object.fromEntries(registries.map((name) => [name, registryOf(chance)])),
    sources: { "two-way": ["a", "b"], rivals: ["one", "two"] }[profile as string] ?? ["source"],
    routes,
    routesLater,
    guard: profile === "storm" && chance.happens(0.2) ? TIGHT : WIDE,
    chaosMs: chance.between(4, 10) * MINUTE,
    changes: profile === "lossless" ? chance.between(20, 60) : chance.between(12, 36),
    notifications: {
      lost: isKind ? 0 : chance.pick([0, 0.1, 0.4]),
      doubled: chance.pick([0, 0.2]),
      late: chance.pick([50, 50, 5_000, MINUTE]),
    },
    crashes: isCalm ? 0 : chance.pick([0, 1 / 2_000, 1 / 400]),
    weather: {
      roads: !isCalm && chance.happens(0.8),
      lies: !isKind && chance.happens(0.5),
      lag: isKind || chance.happens(0.6) ? 0 : chance.between(100, 2_000),
    },
    database: !isCalm && chance.happens(0.5),
    reconcileEvery: isKind ? undefined : chance.pick([2 * MINUTE, 6 * MINUTE, 20 * MINUTE]),
    replicators: chance.between(1, 2),
  };
};

const registryOf = (chance: Chance): RegistryPlan => {
  const tagDelete = chance.pick(["tag", "tag", "digest", "probe"] as const);
  return {
    strict: chance.happens(0.5),
    mounts: chance.happens(0.7),
    traits: { tagDelete, presence: chance.pick(["mount", "head"] as const) },
    deletesTags: tagDelete === "tag" || (tagDelete === "probe" && chance.happens(0.5)),
  };
};

type RoutePolicy = Pick<Route, "overwrite" | "existing" | "deletes">;

const policyOf = (profile: Profile, chance: Chance): RoutePolicy => ({
  overwrite: profile === "two-way" ? "always" : chance.pick(["always", "always", "always", "never"] as const),
  existing: profile === "two-way" ? "overwrite" : chance.pick(["adopt-equal", "adopt-equal", "overwrite"] as const),
  deletes: chance.happens(profile === "two-way" ? 0.5 : 0.25)
    ? { mode: "ignore" }
    : { mode: "mirror", confirmAfter: CONFIRM_AFTER_MS, protect: [PROTECTED] },
});

const routesOf = (profile: Profile, policy: RoutePolicy): Pick<Scenario, "routes" | "routesLater"> => {
  const route = (name: string, from: string, ...to: ReadonlyArray<string>): Route => ({
    name,
    from,
    select: { repositories: ["team/**"], tags: { _tag: "Globs", globs: ["*"] } },
    to: to.map((registry) => ({ registry, repository: "{repository}", tag: "{tag}" })),
    referrers: "all",
    priority: "normal",
    ...policy,
  });
  const same = (...routes: ReadonlyArray<Route>) => ({ routes, routesLater: routes });
  switch (profile) {
    case "storm":
    case "lossless":
    case "isolation":
      return same(route("all", "source", "east", "west"));
    case "two-way":
      return same(route("there", "a", "b"), route("back", "b", "a"));
    case "chain":
      return same(route("first", "source", "middle"), route("second", "middle", "edge"));
    case "rivals":
      return same(route("first", "one", "east"), route("second", "two", "east"));
    case "comings":
      return {
        routes: [route("all", "source", "east", "west")],
        routesLater: [route("all", "source", "east", "north")],
      };
  }
};
