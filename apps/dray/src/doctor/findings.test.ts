import { RegistryError, type RegistryReason } from "@drayage/oci-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clockFindings, skewOf } from "./clock.ts";
import { type Attempt, explain } from "./explain.ts";
import { exitCodeOf, sorted } from "./finding.ts";

const attempt: Attempt = {
  registry: "prod",
  doing: "push",
  wanted: { repository: "team/web", key: "routes.all.to" },
  credentials: "configured",
  hasProxy: false,
  hasEndpoint: false,
};
const error = (reason: RegistryReason, code?: string): RegistryError =>
  new RegistryError({
    registry: "prod",
    operation: "POST upload",
    reference: "team/web",
    reason,
    detail: "what it said",
    cause:
      code === undefined
        ? undefined
        : Object.assign(new Error("wrapped", { cause: Object.assign(new Error("x"), { code }) })),
  });

describe("a connection that does not come about", () => {
  it.each([
    ["ENOTFOUND", "url", "its name cannot be resolved"],
    ["EAI_AGAIN", "url", "its name cannot be resolved"],
    ["EHOSTUNREACH", "url", "it cannot be reached"],
    ["UND_ERR_CONNECT_TIMEOUT", "url", "it cannot be reached"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "tls.ca", "not trusted here"],
    ["CERT_HAS_EXPIRED", "url", "its certificate has expired"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "url", "for another name"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "url", "does not speak TLS"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "tls.clientCert", "wants a certificate of ours"],
    ["ESOMETHINGELSE", "url", "no connection comes about"],
  ])("%s is about %s: %s", (code, key, what) => {
    const finding = explain(error("network", code), attempt);
    expect(finding).toMatchObject({ severity: "error", key: `registries.prod.${key}` });
    expect(finding.what).toContain(what);
  });

  it("names the proxy, the endpoint, or the host that the registry sends us to", () => {
    const refused = error("network", "ECONNREFUSED");
    expect(explain(refused, { ...attempt, hasProxy: true }).key).toBe("registries.prod.proxy");
    expect(explain(refused, { ...attempt, hasEndpoint: true }).key).toBe("registries.prod.endpoint");
    expect(explain(refused, { ...attempt, foreignOrigin: "https://bucket.example" })).toMatchObject({
      key: "registries.prod",
      what: expect.stringContaining("sends us to https://bucket.example, and there: nothing listens there"),
    });
  });
});

describe("every error of the client", () => {
  const reasons: ReadonlyArray<RegistryReason> = [
    "not-found",
    "repository-unknown",
    "unauthorized",
    "denied",
    "rate-limited",
    "unavailable",
    "network",
    "stalled",
    "digest-mismatch",
    "too-large",
    "manifest-refused",
    "invalid-response",
    "invalid-request",
    "unsupported",
    "upload-lost",
    "content-missing",
    "conflict",
    "unsafe-location",
  ];
  it.each(reasons)("%s has a key, says what and what to do, in one line each", (reason) => {
    for (const credentials of ["none", "docker", "configured"] as const) {
      const { key, what, mend } = explain(error(reason), { ...attempt, credentials });
      expect(key).toMatch(/^(registries\.prod(\.|$)|routes\.all\.to$)/);
      expect(what).toContain("what it said");
      expect(mend).toMatch(/^[A-Z]\w+ /);
      expect(`${what}${mend}`).not.toContain("\n");
    }
  });
});

describe("the clock", () => {
  const at = Date.parse("2026-11-25T12:00:00Z");
  const ahead = (seconds: number) => ({ date: new Date(at + seconds * 1000).toUTCString(), at });

  it.each([
    [0, undefined],
    [60, undefined],
    [-61, "warning"],
    [300, "warning"],
    [301, "error"],
    [-86_400, "error"],
  ])("%i s apart is %s", (seconds, severity) => {
    expect(clockFindings("prod", [ahead(seconds)]).map((one) => one.severity)).toEqual(
      severity === undefined ? [] : [severity],
    );
  });
  it("is judged by the answer that was nearest, and not at all without a date", () => {
    expect(skewOf([ahead(400), ahead(-2), { date: undefined, at }, { date: "yesterday", at }])).toBe(-2);
    expect(skewOf([{ date: undefined, at }])).toBeUndefined();
  });
});

describe("findings", () => {
  const severities = fc.constantFrom("error", "warning", "unknown", "note");
  const findings = fc.array(
    fc.record({ severity: severities, key: fc.constantFrom("a", "b"), what: fc.constantFrom("x", "y") }),
  );

  it("come once, the worst first; and the exit code follows from the worst", async () => {
    await fc.assert(
      fc.property(findings, (all) => {
        const told = sorted(all);
        const order = told.map(({ severity }) => ["error", "warning", "unknown", "note"].indexOf(severity));
        expect(order).toEqual([...order].sort());
        expect(new Set(told.map(({ key, what }) => `${key} ${what}`)).size).toBe(told.length);
        const worst = told[0]?.severity;
        expect(exitCodeOf(told)).toBe(worst === "error" || worst === "warning" ? 1 : worst === "unknown" ? 2 : 0);
      }),
    );
  });
});
