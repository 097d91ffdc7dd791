import { describe, expect, it } from "vitest";
import type { Route } from "./route.ts";
import { globs, lookup, repo, route, source, to } from "./samples.test-support.ts";
import { compileRoutes } from "./select.ts";
import { workPolicyOf } from "./work-policy.ts";

const policyOf = (routes: ReadonlyArray<Route>, name: string, at = "far/prod/team/app:1") => {
  const { registry: target, repository, tag } = source(at);
  const item = { route: "r", source: source(name), target, repository, tag };
  return workPolicyOf(compileRoutes(routes, lookup), item);
};
const far = { ...to("far", "prod/{image}"), bytesFrom: ["near"] };

describe("the rules of one delivery", () => {
  it("are those of its route, without what chose the name", () => {
    const rules = policyOf([route({ to: [to("far", "{repository}")] })], "lab/team/app:1", "far/team/app:1");
    expect(rules).toEqual({
      name: "r",
      referrers: "all",
      overwrite: "always",
      existing: "adopt-equal",
      deletes: { mode: "ignore" },
    });
  });

  it("are none where the route is gone", () => {
    expect(policyOf([route({ name: "other" })], "lab/team/app:1")).toBeUndefined();
  });

  it("name the image at a nearer registry as the route that feeds that one does", () => {
    const feeding = route({ name: "feeding", from: "jfrog", to: [to("near", "images/{image}-x", "t-{tag}")] });
    const rules = policyOf([route({ from: "jfrog", to: [far] }), feeding], "jfrog/key/team/app:1");
    expect(rules?.bytesFrom).toEqual([{ registry: "near", repository: repo("images/team/app-x") }]);
  });

  it("keep the order of nearer registries", () => {
    const both = { ...far, bytesFrom: ["nearest", "near", "lab"] };
    const rules = policyOf([route({ to: [to("near", "a"), to("nearest", "b"), both] })], "lab/team/app:1");
    expect(rules?.bytesFrom?.map(({ registry }) => registry)).toEqual(["nearest", "near"]);
  });

  it("leave out a nearer registry that this tag does not go to", () => {
    const feeding = route({
      name: "feeding",
      select: { repositories: ["**"], tags: globs("v*") },
      to: [to("near", "{repository}")],
    });
    expect(policyOf([route({ to: [far] }), feeding], "lab/team/app:1")).not.toHaveProperty("bytesFrom");
  });

  it("are of the entry that gives the name, where a route goes to one registry twice", () => {
    const twice = route({ to: [to("near", "{image}"), to("far", "other/{image}"), far] });
    expect(policyOf([twice], "lab/team/app:1")?.bytesFrom).toHaveLength(1);
    expect(policyOf([twice], "lab/team/app:1", "far/other/team/app:1")?.bytesFrom).toBeUndefined();
  });
});
