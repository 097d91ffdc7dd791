import { type Answer, text } from "@drayage/oci-core/testing";
import { restRefusal } from "./access.ts";
import { type Content, copyInside } from "./content.ts";
import type { TestKeys } from "./keys.ts";
import type { Promotion } from "./rest.ts";

/** What a promotion did to one tag. */
export interface Promoted {
  readonly from: string;
  readonly tag: string;
  readonly to: { readonly key: string; readonly name: string; readonly tag: string };
  readonly digest: string;
  readonly isMove: boolean;
}

/** `POST …/v2/promote`: no `copy` moves, no `tag` means all. Source: facts/artifactory.md 3.6. */
export const promote = (
  content: Content,
  keys: TestKeys,
  key: string,
  body: Promotion,
  done: (promoted: Promoted) => void,
): Answer => {
  const {
    targetRepo = "",
    dockerRepository: image = "",
    targetDockerRepository = image,
    tag,
    targetTag,
    copy = false,
  } = body;
  const target = keys.all.get(targetRepo);
  if (target === undefined || target.kind === "remote" || target.kind === "virtual")
    return restRefusal(404, `Target repository ${targetRepo} was not found`);
  const from = `${key}/${image}`;
  const tags = tag === null || tag === undefined ? content.tags(from) : [tag];
  const name = `${targetRepo}/${targetDockerRepository}`;
  const found = tags.filter((one) => content.manifest(from, one) !== undefined);
  if (found.length === 0) return restRefusal(404, `Unable to find tag '${tag}' under '${image}'`);
  for (const one of found) {
    const digest = content.manifest(from, one)?.digest ?? "";
    const to = { key: targetRepo, name, tag: targetTag ?? one };
    copyInside(content, from, name, digest, to.tag);
    if (!copy) removeTag(content, from, one);
    done({ from, tag: one, to, digest, isMove: !copy });
  }
  return text(200, "Promotion ended successfully", "text/plain");
};

/** A tag folder with its manifest; what else has the digest stays. */
export const removeTag = (content: Content, name: string, tag: string): void => {
  const digest = content.manifest(name, tag)?.digest;
  content.deleteTag(name, tag);
  const isNamed = content.tags(name).some((other) => content.manifest(name, other)?.digest === digest);
  if (digest !== undefined && !isNamed) content.deleteManifest(name, digest);
};
