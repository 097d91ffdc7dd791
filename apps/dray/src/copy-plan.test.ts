import { describe, expect, it } from "vitest";
import { copyPlan } from "./copy-plan.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;

describe("what a copy puts where", () => {
  it.each([
    ["h.io/a:1", "t.io/b", "1", "1"],
    ["h.io/a:1", "t.io/b:2", "1", "2"],
    ["h.io/a", "t.io/b", "latest", "latest"],
    ["h.io/a", "t.io/b:2", "latest", "2"],
    [`h.io/a@${DIGEST}`, "t.io/b", DIGEST, undefined],
    [`h.io/a:1@${DIGEST}`, "t.io/b", DIGEST, "1"],
    [`h.io/a@${DIGEST}`, "t.io/b:2", DIGEST, "2"],
    [`h.io/a@${DIGEST}`, `t.io/b@${DIGEST}`, DIGEST, undefined],
  ])("%s to %s: reads %s, puts %s", (source, destination, wanted, put) => {
    expect(copyPlan(source, destination, false)).toMatchObject({ pieces: [{ wanted, put }] });
  });

  it("a name of Docker Hub without a host is that of Docker Hub", () => {
    expect(copyPlan("alpine", "t.io/b", false)).toMatchObject({
      source: { host: "docker.io", repository: "library/alpine" },
    });
  });

  it.each([
    ["h.io/a:1", "oci:./out", { layout: "./out", tag: undefined }, "1"],
    ["h.io/a:1", "oci:/tmp/out:2", { layout: "/tmp/out", tag: "2" }, "2"],
    ["h.io/a", "oci:C:latest", { layout: "C", tag: "latest" }, "latest"],
  ])("%s to %s is a directory", (source, destination, end, put) => {
    expect(copyPlan(source, destination, false)).toMatchObject({ destination: end, pieces: [{ put }] });
  });

  it("all tags are known later", () => {
    expect(copyPlan("h.io/a", "t.io/b", true)).toMatchObject({ pieces: undefined });
  });
});

describe("what says two things at once, or nothing, is refused before anything is asked", () => {
  it.each([
    ["h.io/a:1", "t.io/b", true, "SOURCE: h.io/a:1 names one image"],
    ["h.io/a", "t.io/b:1", true, "DESTINATION: t.io/b:1 names one image"],
    ["h.io/a:1", `t.io/b@${DIGEST}`, false, "a copy has the digest of its source"],
    [`h.io/a@${OTHER}`, `t.io/b@${DIGEST}`, false, "a copy has the digest of its source"],
    ["oci:", "t.io/b", false, "SOURCE: oci: names no directory"],
    ["h.io/a", "oci:dir:a b", false, "DESTINATION: oci:dir:a b: a b is no tag"],
    [`h.io/a@${DIGEST}`, "oci:dir", false, "DESTINATION: oci:dir names no tag"],
    ["oci:./dir:1", "t.io/b", true, "SOURCE: oci:./dir:1 names one image"],
    ["h.io/Up/Case", "t.io/b", false, "upper-case"],
    ["https://h.io/a", "t.io/b", false, "URL"],
    ["h.io/a:", "t.io/b", false, "tag"],
    ["", "t.io/b", false, "SOURCE"],
  ])("%s to %s (all tags: %s): %s", (source, destination, allTags, why) => {
    expect(copyPlan(source, destination, allTags)).toMatchObject({
      _tag: "CliError",
      exitCode: 2,
      message: expect.stringContaining(why),
    });
  });
});
