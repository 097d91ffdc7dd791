import { expect, it } from "vitest";
import { drayHere } from "../dray.test-support.ts";

const file = (registries: string): string => `version: 1
registries:
${registries}
  lab: { type: oci, url: http://127.0.0.1:5000 }
routes: [{ name: all, from: lab, to: [{ registry: art, repository: "local/{repository}" }] }]
`;
const ART = `  art: { type: artifactory, url: http://127.0.0.1:1, auth: { token: t0ken }, notifications: { secret: s3cret } }`;
const NO_SECRET = "  art: { type: artifactory, url: http://127.0.0.1:1 }";
const URL_GIVEN = ["--url", "https://drayage.acme.example"];

it.each<readonly [string, string, ReadonlyArray<string>, string]>([
  ["no address", ART, [], "required option '-u, --url <address>' not specified"],
  ["an address that is none", ART, ["--url", "drayage.acme.example"], "is no http or https address"],
  ["credentials in the address", ART, ["--url", "https://me:pw@drayage.acme.example"], "do not belong in an address"],
  [
    "a domain that is not known",
    ART,
    [...URL_GIVEN, "--domain", "build"],
    "known are docker, artifact, artifact_property",
  ],
  ["a key that Artifactory would refuse", ART, [...URL_GIVEN, "--key", "1"], '"1" is no key of a webhook'],
  ["a token that is not there", ART, [...URL_GIVEN, "--token-env", "NOT_SET"], "--token-env: NOT_SET is not set"],
  ["another registry", ART, [...URL_GIVEN, "--registry", "lab"], "there is no Artifactory lab"],
  ["no secret", NO_SECRET, URL_GIVEN, "registries.art.notifications.secret is not configured"],
  [
    "several registries",
    `${ART}\n  second: { type: artifactory, url: http://127.0.0.1:2 }`,
    URL_GIVEN,
    "--registry names one of art, second",
  ],
  ["nobody there", ART, URL_GIVEN, "art/drayage"],
])("%s: exit 2, and says why", async (_, registries, args, why) => {
  const dray = await drayHere({ "drayage.yaml": file(registries) });
  const ran = await dray.run(["artifactory", "webhook", "apply", ...args]);
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toContain(why);
  expect(ran.stderr).not.toMatch(/t0ken|s3cret|me:pw/);
});
