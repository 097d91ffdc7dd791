import type { Digest } from "@drayage/oci-core/model";
import type { WorkItem } from "./delivery.ts";
import type { SourceTag } from "./event.ts";

/**
 * Whether the source holds `digest` only because we brought it there from the very name that is to be written now, directly or by way of other
 * registries. Between registries that feed each other that is no fact of the source (DESIGN.md section 2, idea 3): a tag that was deleted here, or
 * moved, would else come back from there before the change has arrived.
 */
export const isEcho = (item: Pick<WorkItem, "target" | "repository" | "tag" | "lineage">, digest: Digest): boolean => {
  for (const { source, owned } of item.lineage ?? []) {
    // Somebody else put what is there: a new fact of that registry.
    if (!owned.includes(digest)) return false;
    if (isName(source, item)) return true;
  }
  return false;
};

const isName = (source: SourceTag, item: Pick<WorkItem, "target" | "repository" | "tag">): boolean =>
  source.registry === item.target && source.repository === item.repository && source.tag === item.tag;
