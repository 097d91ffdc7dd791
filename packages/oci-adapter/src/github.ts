import { isManifestType } from "@drayage/oci-core/model";
import { deliveredOf } from "./delivered.ts";
import { type Field, kindOf, placeOf, tagUnlessDigest } from "./names.ts";
import { type Meaning, type Received, type Sender, strictly } from "./sender.ts";
import { type GithubPackage, isGithubPackage, isGithubPing, readGithub } from "./wire.ts";

/** `container` is GHCR; `docker` is what GitHub's own example says, and the registry before GHCR, which is told by its host. */
const TYPES: ReadonlySet<string> = new Set(["container", "docker"]);
const ACTIONS: ReadonlySet<string> = new Set(["published", "updated"]);
const HOST = "ghcr.io/";
const HOST_BEFORE_GHCR = "docker.pkg.github.com/";

/**
 * GitHub webhooks of GHCR: `package` (hooks of a repository or organisation) and `registry_package` (GitHub Apps) with one content under two
 * keys, and `ping`. There is no event for a deletion, and of several tags only one is named, or none. GitHub does not come again by
 * itself and shows its users what was answered, so what cannot be read is refused. Source: facts/event-sources.md, section 5.
 */
export const github: Sender = {
  name: "GitHub (GHCR)",
  recognises: ({ headers, document }) =>
    headers["x-github-event"] !== undefined || isGithubPackage(document) || isGithubPing(document),
  parse: (received) => strictly([meaningOf(received)]),
};

const meaningOf = ({ headers, document }: Received): Meaning => {
  const event = headers["x-github-event"];
  if (event === "ping" || (event === undefined && isGithubPing(document))) return { ignored: "ping" };
  if (event !== undefined && event !== "package" && event !== "registry_package") {
    return { ignored: `event ${kindOf(event)}` };
  }
  const { action, sender, pkg } = readGithub(document) ?? {};
  if (pkg === undefined) return { warning: "package: is missing" };
  if (action === undefined) return { warning: "action: is missing" };
  if (!ACTIONS.has(action)) return { ignored: `action ${kindOf(action)}` };
  const types = [pkg.package_type ?? "", pkg.ecosystem ?? ""];
  if (!types.some((type) => TYPES.has(type.toLowerCase())))
    return { ignored: `package of type ${kindOf(types.join(" "))}` };
  const version = pkg.package_version;
  const url = version?.package_url?.toLowerCase() ?? "";
  if (url.startsWith(HOST_BEFORE_GHCR)) return { ignored: `package on ${HOST_BEFORE_GHCR.slice(0, -1)}` };

  const place = placeOf({
    repository: repositoryOf(pkg, url),
    tag: {
      at: "package.package_version.container_metadata.tag.name",
      text: tagUnlessDigest(version?.container_metadata?.tag?.name),
    },
    digest: version?.version,
  });
  if ("warning" in place) return place;
  // The times in the body may be the year 1: they say nothing.
  const delivery = deliveredOf({ id: headers["x-github-delivery"], actor: sender?.login });
  // Of several tags that were pushed at once GitHub may name none, so the repository is asked.
  if (place.tag === undefined) {
    const { repository } = place;
    return { notification: { _tag: "Changed", repository, reason: "a push that names no tag", delivery } };
  }
  const mediaType = version?.container_metadata?.manifest?.media_type ?? "";
  return {
    notification: {
      _tag: "Pushed",
      ...place,
      mediaType: isManifestType(mediaType) ? mediaType : undefined,
      delivery,
    },
  };
};

/**
 * From `package_url` (`ghcr.io/<owner>/<name>:<tag>`, ends in a colon without a tag), which alone has the whole name, if it is below the
 * owner; else owner and name. Only the name is taken: the host is the one that is configured.
 */
const repositoryOf = ({ owner, name }: GithubPackage, url: string): Field => {
  const login = owner?.login?.toLowerCase();
  if (login === undefined) return { at: "package.owner.login", text: undefined };
  const path = url.startsWith(HOST) ? url.slice(HOST.length) : "";
  const colon = path.indexOf(":", path.lastIndexOf("/") + 1);
  const named = colon < 0 ? path : path.slice(0, colon);
  if (named.startsWith(`${login}/`)) return { at: "package.package_version.package_url", text: named };
  return { at: "package.name", text: name === undefined ? undefined : `${login}/${name.toLowerCase()}` };
};
