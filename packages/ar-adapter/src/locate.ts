import {
  type Digest,
  parseDigest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from "@drayage/oci-core/model";

/** Which part of Artifact Registry one registry of the configuration is. */
export interface Place {
  /** Host and port of `url`. */
  readonly host: string;
  /** A region or multi-region: `europe-west4`, `us`. */
  readonly location: string;
  /** The project's id; an old one may be `example.com:web`. */
  readonly project: string;
}

/** The hosts of Container Registry, which Artifact Registry serves. Each is a repository of its own name. Source: facts/artifact-registry.md 1.2. */
const GCR_LOCATIONS: Readonly<Record<string, string>> = {
  "gcr.io": "us",
  "us.gcr.io": "us",
  "eu.gcr.io": "europe",
  "asia.gcr.io": "asia",
};

/** The repository of Artifact Registry that a host of Container Registry stands for, or `undefined` for any other host. */
export const gcrRepository = (host: string): string | undefined =>
  Object.hasOwn(GCR_LOCATIONS, host) ? host : undefined;

/** Where the repository of a host of Container Registry is, or `undefined` for any other host. */
export const gcrLocation = (host: string): string | undefined =>
  Object.hasOwn(GCR_LOCATIONS, host) ? GCR_LOCATIONS[host] : undefined;

/** How the project stands in a path: the colon of an old id is a slash there. */
export const projectPath = (project: string): string => project.replace(":", "/");

/** What stands before our names at the registry's own API. */
export const outward = ({ project }: Pick<Place, "project">, name: RepositoryName): RepositoryName =>
  parseRepositoryName(`${projectPath(project)}/${name}`) ?? name;

/** Our name for one of the registry's; `undefined` for another project. */
export const inward = ({ project }: Pick<Place, "project">, name: string): RepositoryName | undefined => {
  const prefix = `${projectPath(project)}/`;
  return name.startsWith(prefix) ? parseRepositoryName(name.slice(prefix.length)) : undefined;
};

/** The repository of Artifact Registry that holds one of our names, and the image in it; `undefined` where the name has no image part. */
export const holderOf = (
  { host }: Pick<Place, "host">,
  name: RepositoryName,
): { readonly repository: string; readonly image: string } | undefined => {
  const gcr = gcrRepository(host);
  if (gcr !== undefined) return { repository: gcr, image: name };
  const slash = name.indexOf("/");
  return slash < 0 ? undefined : { repository: name.slice(0, slash), image: name.slice(slash + 1) };
};

/** What a reference of a notification or listing names. */
export type Located =
  | {
      readonly _tag: "Here";
      readonly name: RepositoryName;
      readonly tag?: Tag | undefined;
      readonly digest?: Digest | undefined;
    }
  /** Another host, location or project: one topic tells of all locations of a project. */
  | { readonly _tag: "Elsewhere" }
  | { readonly _tag: "Unreadable" };

/**
 * `host/project/repository/image:tag` or `...@digest`, in any spelling of the host that means this place. The host is compared and dropped: nothing is
 * ever sent to it. Source: facts/artifact-registry.md 1.1.
 */
export const locate = (place: Place, reference: string): Located => {
  const slash = reference.indexOf("/");
  if (slash < 0) return { _tag: "Unreadable" };
  const host = reference.slice(0, slash);
  const rest = reference.slice(slash + 1);
  const at = rest.indexOf("@");
  const colon = rest.lastIndexOf(":");
  const end = at >= 0 ? at : colon > rest.lastIndexOf("/") ? colon : -1;
  if (end < 0) return { _tag: "Unreadable" };
  const found = nameAt(place, host, rest.slice(0, end));
  if (found === "elsewhere") return { _tag: "Elsewhere" };
  const word = rest.slice(end + 1);
  const digest = at >= 0 ? parseDigest(word) : undefined;
  const tag = at >= 0 ? undefined : parseTag(word);
  if (found === undefined || (digest === undefined && tag === undefined)) return { _tag: "Unreadable" };
  return { _tag: "Here", name: found, digest, tag };
};

const nameAt = (place: Place, host: string, path: string): RepositoryName | "elsewhere" | undefined => {
  const prefix = `${projectPath(place.project)}/`;
  const repository = gcrRepository(host);
  const isHere =
    host === place.host ||
    host === `${place.location}-docker.pkg.dev` ||
    host === `docker.${place.location}.rep.pkg.dev` ||
    (repository !== undefined && GCR_LOCATIONS[repository] === place.location);
  if (!isHere || !path.startsWith(prefix)) return "elsewhere";
  const below = path.slice(prefix.length);
  // Everything in the form of pkg.dev, then as this registry is addressed.
  const full = repository === undefined ? below : `${repository}/${below}`;
  const own = gcrRepository(place.host);
  // A repository alone is no image.
  if (own === undefined) return full.includes("/") ? parseRepositoryName(full) : undefined;
  return full.startsWith(`${own}/`) ? parseRepositoryName(full.slice(own.length + 1)) : "elsewhere";
};
