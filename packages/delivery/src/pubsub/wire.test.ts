import type { WorkItem, WorkPolicy } from "@drayage/domain";
import { describe, expect, it } from "vitest";
import { repositoryName, tagName } from "../testing/index.ts";
import { decodeWork, encodeWork } from "./wire.ts";

const names = { repository: repositoryName("app"), tag: tagName("v1") };
const policy: WorkPolicy = {
  name: "all",
  referrers: "all",
  overwrite: "always",
  existing: "adopt-equal",
  deletes: { mode: "ignore" },
};
const item: WorkItem = {
  delivery: "7",
  generation: 1,
  target: "far",
  ...names,
  source: { registry: "source", ...names },
  route: "all",
  claimed: 3,
  depth: "deep",
  attempt: 1,
  owned: [],
  absentSince: undefined,
  requestedAt: new Date(0),
  leaseUntil: new Date(1),
  policy,
};
const bytesFrom = [{ registry: "near", repository: repositoryName("mirror/app") }];

describe("a work item on the wire", () => {
  it("carries where its bytes may come from", () => {
    const sent = { ...item, policy: { ...policy, bytesFrom } };
    expect(decodeWork(encodeWork(sent)).value).toEqual(sent);
  });

  it("of a version before is read, and has its bytes from the source", () => {
    const { value } = decodeWork(encodeWork(item));
    expect(value).toEqual(item);
    expect(value?.policy).not.toHaveProperty("bytesFrom");
  });

  it("of a version after is read without what is not known", () => {
    const later = { ...item, policy: { ...policy, bytesFrom, later: true } };
    expect(decodeWork(encodeWork(later)).value).toEqual({ ...item, policy: { ...policy, bytesFrom } });
  });

  it("that names no repository there is refused", () => {
    const text = new TextDecoder().decode(encodeWork({ ...item, policy: { ...policy, bytesFrom } }));
    expect(decodeWork(new TextEncoder().encode(text.replace("mirror/app", "../app"))).why).toContain("bytesFrom");
  });
});
