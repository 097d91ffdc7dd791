import type { PlatformChoice, ReferrerChoice, RepositoryName, SignatureRule, Tag } from "@drayage/oci-core/model";

/** A duration as the configuration gives it, in milliseconds. */
export type Millis = number;

/** One rule: which source tags go where, and what may happen to them there. DESIGN.md section 4.1 `routes`. */
export interface Route {
  readonly name: string;
  /** Registry name of the source. */
  readonly from: string;
  readonly select: {
    /** Globs over the source repository name; `!` excludes; the last match does not win: a name is in when one positive matches and no negative does. */
    readonly repositories: ReadonlyArray<string>;
    readonly tags: TagSelection;
  };
  readonly to: ReadonlyArray<RouteTarget>;
  /** Absent: all platforms of an index, whose digest then stays what it is. */
  readonly platforms?: PlatformChoice | undefined;
  /** Layers that their makers do not allow to be passed on. Default `leave`: they stay where their makers have them. */
  readonly foreignLayers?: "leave" | "copy" | undefined;
  readonly referrers: "all" | "none" | ReferrerChoice;
  /** What an image has to be before it is copied. Absent: nothing. */
  readonly require?: { readonly signature: SignatureRule } | undefined;
  readonly overwrite: "always" | "never" | { readonly allow: ReadonlyArray<string> };
  readonly existing: "adopt-equal" | "overwrite" | "report";
  readonly deletes: DeletePolicy;
  readonly priority: "low" | "normal" | "high";
}
export type TagSelection =
  | { readonly _tag: "Globs"; readonly globs: ReadonlyArray<string> }
  | { readonly _tag: "Semver"; readonly range: string }
  | { readonly _tag: "Regex"; readonly pattern: string };

export interface RouteTarget {
  /** Registry name of the target. */
  readonly registry: string;
  /** Template with placeholders, e.g. `images/{image}`. */
  readonly repository: string;
  /** Template, default `{tag}`. */
  readonly tag: string;
  /** Names of other targets of the same source, the nearest first: blobs are read there by digest where they can be. Absent: all from the source. */
  readonly bytesFrom?: ReadonlyArray<string> | undefined;
}
export type DeletePolicy =
  | { readonly mode: "ignore" }
  | { readonly mode: "mirror"; readonly confirmAfter: Millis; readonly protect: ReadonlyArray<string> };

/** Limits on deletions, counted over all workers and every cause. DESIGN.md section 6. */
export interface Guard {
  readonly perRepository: { readonly most: number; readonly within: Millis };
  readonly perTarget: { readonly most: number; readonly within: Millis; readonly fraction: number };
}

/** Where one source tag goes by one route. */
export interface Mapped {
  readonly route: string;
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
}
