import { describe, expect, it } from "vitest";
import { foreignRefusal, hostKind, realmRefusal, realmSiteRefusal } from "./addresses.ts";

describe("hostKind", () => {
  it.each([
    ["example.com", "name"],
    ["localhost", "loopback"],
    ["a.localhost.", "loopback"],
    ["127.0.0.1", "loopback"],
    ["[::1]", "loopback"],
    ["10.1.2.3", "private"],
    ["172.31.0.1", "private"],
    ["192.168.0.1", "private"],
    ["100.64.0.1", "private"],
    ["[fd00::1]", "private"],
    ["169.254.169.254", "forbidden"],
    ["0.0.0.0", "forbidden"],
    ["[::]", "forbidden"],
    ["[fe80::1]", "forbidden"],
    ["224.0.0.1", "forbidden"],
    ["8.8.8.8", "public"],
    ["[2001:4860:4860::8888]", "public"],
  ])("%s is %s", (host, kind) => {
    expect(hostKind(host)).toBe(kind);
  });
  it.each(["http://0x7f.1/", "http://2130706433/", "http://[::ffff:127.0.0.1]/", "http://127.1/"])(
    "%s is loopback",
    (url) => {
      expect(hostKind(new URL(url).hostname)).toBe("loopback");
    },
  );
});

describe("a redirect or Location", () => {
  it.each([
    ["https://s3.example.com/x", "https://reg.example.com", true],
    ["http://s3.example.com/x", "http://reg.example.com", true],
    ["http://s3.example.com/x", "https://reg.example.com", false],
    ["https://u:p@s3.example.com/x", "https://reg.example.com", false],
    ["file:///etc/passwd", "http://reg.example.com", false],
    ["http://169.254.169.254/", "http://reg.example.com", false],
    ["https://10.0.0.1/", "https://reg.example.com", false],
    ["http://127.0.0.1:9/", "http://reg.example.com", false],
    ["http://127.0.0.1:9/", "http://localhost:5000", true],
    ["http://127.0.0.1:9/", "http://127.0.0.1:5000", true],
    ["https://10.0.0.1/", "https://10.0.0.2", true],
    ["http://169.254.169.254/", "http://127.0.0.1:5000", false],
  ])("to %s from %s: %s", (target, registry, allowed) => {
    expect(foreignRefusal(new URL(target), new URL(registry)) === undefined).toBe(allowed);
  });
});

describe("a token realm", () => {
  it.each([
    ["https://auth.docker.io/token", "https://registry-1.docker.io", true],
    ["https://reg.example.com/token", "https://reg.example.com", true],
    ["http://reg.example.com:8000/token", "http://reg.example.com:5000", true],
    ["https://auth.example.com/token", "http://reg.example.com", true],
    ["http://auth.example.com/token", "http://reg.example.com", false],
    ["http://reg.example.com/token", "https://reg.example.com", false],
    ["https://u:p@reg.example.com/token", "https://reg.example.com", false],
    ["https://127.0.0.1/token", "https://reg.example.com", false],
    ["https://localhost/token", "http://127.0.0.1:5000", false],
    ["https://10.0.0.1/token", "https://10.0.0.2", false],
    ["https://10.0.0.2:8443/token", "https://10.0.0.2", true],
    ["ftp://reg.example.com/token", "http://reg.example.com", false],
  ])("%s of %s: %s", (realm, registry, allowed) => {
    expect(realmRefusal(new URL(realm), new URL(registry)) === undefined).toBe(allowed);
  });
});

describe("credentials for a token realm", () => {
  it.each([
    ["auth.docker.io", "registry-1.docker.io", true],
    ["gitlab.example.com", "registry.example.com", true],
    ["example.com", "registry.example.com", true],
    ["auth.example.co.uk", "reg.example.co.uk", true],
    ["evil.co.uk", "reg.example.co.uk", false],
    ["api.scaleway.com", "rg.fr-par.scw.cloud", true],
    ["rg.fr-par.scw.cloud", "api.scaleway.com", false],
    ["auth.docker.io", "mirror.example.com", false],
    ["registry.example.com.evil.net", "registry.example.com", false],
    ["8.8.8.8", "8.8.4.4", false],
    ["AUTH.EXAMPLE.com.", "registry.example.com", true],
  ])("go to %s from %s: %s", (realm, registry, allowed) => {
    const refusal = realmSiteRefusal(new URL(`https://${realm}/t`), new URL(`https://${registry}`));
    expect(refusal === undefined).toBe(allowed);
  });
  it("go to another site that the operator listed", () => {
    const [realm, registry] = [new URL("https://sso.other.net:8443/t"), new URL("https://reg.example.com")];
    for (const listed of ["sso.other.net", "sso.other.net:8443"])
      expect(realmSiteRefusal(realm, registry, [listed])).toBeUndefined();
    expect(realmSiteRefusal(realm, registry, ["other.net"])).toMatch(/another site than reg.example.com/);
  });
});
