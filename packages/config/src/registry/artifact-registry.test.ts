import { describe, expect, it } from "vitest";
import { load, loaded } from "../workspace.test-support.ts";

describe("an Artifact Registry", () => {
  const YAML = (more: string) => `registries:
  eu: { type: artifact-registry, location: europe-west4, project: acme-prod${more} }
routes: []
`;
  it("needs a location and a project, and has Google's addresses and credentials by default", async () => {
    const { config } = await loaded({ "drayage.yaml": YAML("") });
    const eu = config.registries["eu"];
    expect(eu).toMatchObject({
      type: "artifact-registry",
      auth: { _tag: "Default" },
      notifications: { _tag: "None" },
      createRepositories: undefined,
    });
    expect(eu?.url.href).toBe("https://europe-west4-docker.pkg.dev/");
    if (eu?.type !== "artifact-registry") throw new Error("another type");
    expect(eu.api.href).toBe("https://artifactregistry.googleapis.com/");
  });
  it("takes a subscription, a key and a way to create repositories", async () => {
    const { config } = await loaded({
      "drayage.yaml": YAML(
        ", auth: { serviceAccountKey: '{}' }, notifications: { subscription: projects/p/subscriptions/s }, createRepositories: { immutableTags: true }",
      ),
    });
    expect(config.registries["eu"]).toMatchObject({
      auth: { _tag: "ServiceAccountKey" },
      notifications: { _tag: "Subscription", subscription: "projects/p/subscriptions/s" },
      createRepositories: { immutableTags: true },
    });
    expect(JSON.stringify(config.registries["eu"])).not.toContain('{}"');
  });
  it("takes a push with its audience and account", async () => {
    const { config } = await loaded({
      "drayage.yaml": YAML(
        ", notifications: { push: { audience: drayage, serviceAccount: push@acme.iam.gserviceaccount.com } }",
      ),
    });
    expect(config.registries["eu"]?.notifications).toEqual({
      _tag: "Push",
      audience: "drayage",
      serviceAccount: "push@acme.iam.gserviceaccount.com",
      keys: undefined,
    });
  });
  it.each([
    ["gcr.io", "us"],
    ["us.gcr.io", "us"],
    ["eu.gcr.io", "europe"],
    ["asia.gcr.io", "asia"],
  ])("at %s is in %s, and nowhere else", async (host, location) => {
    const yaml = (where: string) => ({
      "drayage.yaml": `registries:\n  old: { type: artifact-registry, location: ${where}, project: acme-prod, url: "https://${host}" }\nroutes: []\n`,
    });
    expect((await loaded(yaml(location))).config.registries["old"]?.url.host).toBe(host);
    expect(JSON.stringify(await load(yaml("europe-west4")))).toContain(`${host} is in ${location}. Write ${location}`);
  });
});
