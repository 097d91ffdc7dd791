import { describe, expect, it } from "vitest";
import { load, loaded } from "../workspace.test-support.ts";

const YAML = (more: string): string => `registries:
  aws: { type: ecr, account: "123456789012"${more} }
routes: []
`;

describe("an Amazon ECR", () => {
  it.each([
    ["us-east-1", "amazonaws.com"],
    ["us-gov-west-1", "amazonaws.com"],
    ["cn-northwest-1", "amazonaws.com.cn"],
    ["eusc-de-east-1", "amazonaws.eu"],
    ["us-iso-east-1", "c2s.ic.gov"],
    ["us-isob-east-1", "sc2s.sgov.gov"],
    ["eu-isoe-west-1", "cloud.adc-e.uk"],
    ["us-isof-south-1", "csp.hci.ic.gov"],
  ])("in %s is at the address of its partition: %s", async (region, suffix) => {
    const { config } = await loaded({ "drayage.yaml": YAML(`, region: ${region}`) });
    expect(config.registries["aws"]?.url.href).toBe(`https://123456789012.dkr.ecr.${region}.${suffix}/`);
  });

  it("that is public is at the one address of all, and its region needs no saying", async () => {
    const { config } = await loaded({ "drayage.yaml": YAML(", public: true, createRepositories: { tags: { a: b } }") });
    expect(config.registries["aws"]).toMatchObject({ isPublic: true, region: "us-east-1" });
    expect(config.registries["aws"]?.url.href).toBe("https://public.ecr.aws/");
  });

  it.each([
    ["region: eu-central-1", "region: ECR Public is in us-east-1 alone"],
    ["createRepositories: { immutableTags: true }", "immutableTags: ECR Public lets all tags move"],
    ["createRepositories: { scanOnPush: true }", "scanOnPush: ECR Public does not scan"],
    ["createRepositories: { kmsKey: alias/a }", "kmsKey: ECR Public takes no key"],
    ["createRepositories: { lifecyclePolicy: '{}' }", "lifecyclePolicy: ECR Public has no policies"],
    ["notifications: { secret: s }", "secret: ECR Public is not known to send events"],
    ["notifications: { queue: 'https://sqs.us-east-1.amazonaws.com/1/q' }", "queue: ECR Public is not known to send"],
  ])("that is public refuses %s", async (key, message) => {
    expect(JSON.stringify(await load({ "drayage.yaml": YAML(`, public: true, ${key}`) }))).toContain(message);
    expect(JSON.stringify(await load({ "drayage.yaml": YAML(`, ${key}`) }))).not.toContain("ECR Public");
  });
});
