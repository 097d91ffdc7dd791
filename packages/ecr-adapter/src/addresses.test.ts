import { describe, expect, it } from "vitest";
import { outboundHosts, readHost } from "./addresses.ts";
import { clientSettings } from "./client-settings.ts";
import type { EcrOptions } from "./options.ts";

const options = (more: Partial<EcrOptions>): EcrOptions => ({
  account: "123456789012",
  region: "eu-central-1",
  isPublic: false,
  auth: {},
  createRepositories: false,
  secrets: { scheme: "shared-secret", secrets: [] },
  ...more,
});
const hosts = (url: string, more: Partial<EcrOptions>) =>
  outboundHosts({ url: new URL(url) }, options(more)).map(({ host, port, purpose }) => `${purpose} ${host}:${port}`);

describe("hosts beside the registry", () => {
  it.each([
    ["amazonaws.com", "eu-central-1", "api.ecr.eu-central-1.amazonaws.com"],
    ["amazonaws.com", "us-gov-west-1", "api.ecr.us-gov-west-1.amazonaws.com"],
    ["amazonaws.com.cn", "cn-north-1", "api.ecr.cn-north-1.amazonaws.com.cn"],
    ["amazonaws.eu", "eusc-de-east-1", "api.ecr.eusc-de-east-1.amazonaws.eu"],
    ["c2s.ic.gov", "us-iso-east-1", "api.ecr.us-iso-east-1.c2s.ic.gov"],
    ["sc2s.sgov.gov", "us-isob-east-1", "api.ecr.us-isob-east-1.sc2s.sgov.gov"],
    ["cloud.adc-e.uk", "eu-isoe-west-1", "api.ecr.eu-isoe-west-1.cloud.adc-e.uk"],
    ["csp.hci.ic.gov", "us-isof-south-1", "api.ecr.us-isof-south-1.csp.hci.ic.gov"],
  ])("are of the partition: %s in %s", (suffix, region, api) => {
    const url = `https://123456789012.dkr.ecr.${region}.${suffix}`;
    expect(readHost(new URL(url))).toEqual({ isFips: false, isDualStack: false, suffix });
    expect(hosts(url, { region })).toEqual([
      `API ${api}:443`,
      `storage of layers prod-${region}-starport-layer-bucket.s3.${region}.${suffix}:443`,
    ]);
  });

  it.each([
    ["123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "api.ecr-fips.us-east-1.amazonaws.com"],
    ["123456789012.dkr-ecr.us-east-1.on.aws", "ecr.us-east-1.api.aws"],
    ["123456789012.dkr-ecr-fips.us-east-1.on.aws", "ecr-fips.us-east-1.api.aws"],
  ])("are of the same kind as the registry's own: %s", (host, api) => {
    expect(hosts(`https://${host}`, { region: "us-east-1" })[0]).toBe(`API ${api}:443`);
  });

  it("are those of the configuration where it names them, with a role's token service and a queue", () => {
    const named = options({
      api: new URL("https://ecr.internal:8443"),
      auth: { roleArn: "arn:aws:iam::123456789012:role/drayage" },
      queue: new URL("https://sqs.eu-west-1.amazonaws.com/123456789012/events"),
    });
    expect(hosts("https://registry.example.com", named)).toEqual([
      "API ecr.internal:8443",
      "storage of layers prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com:443",
      "role sts.eu-central-1.amazonaws.com:443",
      "queue sqs.eu-west-1.amazonaws.com:443",
    ]);
  });

  it("of ECR Public are in its one region", () => {
    expect(hosts("https://public.ecr.aws", { isPublic: true })).toEqual([
      "API api.ecr-public.us-east-1.amazonaws.com:443",
    ]);
  });

  it.each([
    "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.org",
    "https://evil.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    "https://registry.example.com",
  ])("%s is none of AWS", (url) => {
    expect(readHost(new URL(url))).toBeUndefined();
  });
});

describe("the client of the API", () => {
  it.each([
    ["123456789012.dkr.ecr.us-east-1.amazonaws.com", false, false],
    ["123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", true, false],
    ["123456789012.dkr-ecr-fips.us-east-1.on.aws", true, true],
    ["registry.example.com", false, false],
  ])("for %s: FIPS %s, dual-stack %s", async (host, useFipsEndpoint, useDualstackEndpoint) => {
    const settings = await clientSettings({ name: "ecr", url: new URL(`https://${host}`) }, options({}));
    expect(settings).toMatchObject({ useFipsEndpoint, useDualstackEndpoint });
  });
  it("asks where `api` says, whatever the registry's address is", async () => {
    const url = new URL("https://123456789012.dkr.ecr-fips.us-east-1.amazonaws.com");
    const settings = await clientSettings({ name: "ecr", url }, options({ api: new URL("https://ecr.internal") }));
    expect(settings.endpoint).toBe("https://ecr.internal/");
    expect(settings).not.toHaveProperty("useFipsEndpoint");
  });
});
