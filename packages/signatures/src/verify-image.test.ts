import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRegistry } from "@drayage/oci-core";
import { cosignTag, parseRepositoryName } from "@drayage/oci-core/model";
import { image, pushImage, signatureFor, startStrictRegistry } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { afterAll, describe, expect } from "vitest";
import type { SignatureRule } from "./rule.ts";
import {
  type Artefact,
  bundleByKey,
  bundleReferrer,
  keyPair,
  legacyByKey,
  legacyTag,
  makeSigstore,
  OTHER,
  pemOf,
  simpleSigning,
  statementOf,
} from "./sigstore.test-support.ts";
import { makeVerifier } from "./verify-image.ts";

const folder = mkdtempSync(join(tmpdir(), "drayage-signatures-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const file = (text: string): string => {
  files += 1;
  const path = join(folder, `${files}`);
  writeFileSync(path, text);
  return path;
};

const app = parseRepositoryName("team/app");
if (app === undefined) throw new Error("grammar");
const fixture = image({ seed: "app", layers: [100] });
const subject = { digest: fixture.digest, size: fixture.bytes.byteLength };

const world = Effect.fnUntraced(function* (rules: Parameters<typeof startStrictRegistry>[0] = {}) {
  const server = yield* startStrictRegistry(rules);
  const registry = yield* connectRegistry({ name: "source", url: server.url, auth: [], traits: {} });
  yield* pushImage(server.url, "team/app", "1", fixture);
  const push = (artefact: Artefact): void => {
    for (const blob of artefact.blobs) server.putBlob("team/app", blob);
    server.putManifest("team/app", artefact.reference, artefact);
  };
  const verdict = (rule: SignatureRule) =>
    Effect.flatMap(makeVerifier(rule, folder), (verifier) => verifier.verify(registry, app, fixture.digest));
  return { server, registry, push, verdict };
});
type World = Effect.Success<ReturnType<typeof world>>;

const key = keyPair();
const byKey = (...pems: ReadonlyArray<string>): SignatureRule => ({ _tag: "PublicKey", files: pems.map(file) });
const ours = byKey(pemOf(key.publicKey));

const ISSUER = "https://issuer.test";
const RELEASE = "https://git.test/acme/app/.github/workflows/release.yml@refs/tags/v1";
const keyless = (root: string, more: Partial<Extract<SignatureRule, { _tag: "Keyless" }>> = {}): SignatureRule => ({
  _tag: "Keyless",
  issuer: ISSUER,
  identity: { _tag: "Exactly", text: RELEASE },
  trustRoot: { _tag: "File", file: file(root) },
  ...more,
});

/** Each verdict as one word, or the reason. */
const expectVerdict = (what: string, rule: SignatureRule, prepare: (world: World) => void, expected: RegExp) =>
  it.live(what, () =>
    Effect.gen(function* () {
      const made = yield* world();
      prepare(made);
      const verdict = yield* made.verdict(rule);
      expect(verdict._tag === "Signed" ? `signed by ${verdict.by}` : verdict.detail).toMatch(expected);
    }).pipe(Effect.scoped),
  );

describe("an image without a signature", () => {
  expectVerdict("is not signed", ours, () => {}, /^there is no signature yet$/);
  expectVerdict(
    "is not signed by other referrers",
    ours,
    ({ server }) => {
      const sbom = signatureFor(fixture, { artifactType: "application/spdx+json" });
      server.putManifest("team/app", sbom.digest, sbom);
    },
    /^there is no signature yet$/,
  );
});

describe("cosign's own layout, by a key", () => {
  const good = simpleSigning(fixture.digest);
  const other = keyPair();
  for (const kind of ["ec", "rsa", "ed25519"] as const) {
    const pair = keyPair(kind);
    expectVerdict(
      `counts (${kind})`,
      byKey(pemOf(pair.publicKey)),
      ({ push }) => push(legacyTag(fixture.digest, [legacyByKey(good, pair.privateKey)])),
      /^signed by the public key$/,
    );
  }
  expectVerdict(
    "counts among others that do not",
    byKey(pemOf(other.publicKey) + pemOf(key.publicKey)),
    ({ push }) =>
      push(legacyTag(fixture.digest, [legacyByKey(good, keyPair().privateKey), legacyByKey(good, key.privateKey)])),
    /^signed by public key 2 of 2$/,
  );
  expectVerdict(
    "by another key does not count",
    ours,
    ({ push }) => push(legacyTag(fixture.digest, [legacyByKey(good, other.privateKey)])),
    /of 1 signature none counts: no public key of ours made it/,
  );
  expectVerdict(
    "of another image does not count under our tag",
    ours,
    ({ push }) => push(legacyTag(fixture.digest, [legacyByKey(simpleSigning(OTHER), key.privateKey)])),
    /it is about sha256:abab/,
  );
  expectVerdict(
    "whose payload was changed after it was signed does not count",
    ours,
    ({ push }) => {
      const { annotations } = legacyByKey(simpleSigning(OTHER), key.privateKey);
      push(legacyTag(fixture.digest, [{ payload: good, annotations }]));
    },
    /no public key of ours made it/,
  );
  expectVerdict(
    "of another kind does not count",
    ours,
    ({ push }) =>
      push(legacyTag(fixture.digest, [legacyByKey(simpleSigning(fixture.digest, "atomic"), key.privateKey)])),
    /its payload is of the type atomic/,
  );
  expectVerdict(
    "without a signature, or that is no document, does not count",
    ours,
    ({ push }) =>
      push(legacyTag(fixture.digest, [{ payload: good, annotations: {} }, legacyByKey("{", key.privateKey)])),
    /of 2 signatures none counts: it has no signature; its payload is no simplesigning document/,
  );
});

describe("a bundle, by a key", () => {
  const good = statementOf(fixture.digest);
  expectVerdict(
    "counts",
    ours,
    ({ push }) => push(bundleReferrer(subject, bundleByKey(good, key.privateKey))),
    /^signed by the public key$/,
  );
  expectVerdict(
    "by another key does not count",
    ours,
    ({ push }) => push(bundleReferrer(subject, bundleByKey(good, keyPair().privateKey))),
    /no public key of ours made it/,
  );
  expectVerdict(
    "about another image does not count, though it refers to ours",
    ours,
    ({ push }) => push(bundleReferrer(subject, bundleByKey(statementOf(OTHER), key.privateKey))),
    /its statement is about another image/,
  );
  expectVerdict(
    "whose statement was changed does not count",
    ours,
    ({ push }) => {
      const { dsseEnvelope, ...rest } = bundleByKey(statementOf(OTHER), key.privateKey);
      const payload = Buffer.from(good).toString("base64");
      push(bundleReferrer(subject, { ...rest, dsseEnvelope: { ...dsseEnvelope, payload } }));
    },
    /no public key of ours made it/,
  );
  expectVerdict(
    "that attests something else is no signature",
    ours,
    ({ push }) =>
      push(
        bundleReferrer(
          subject,
          bundleByKey(statementOf(fixture.digest, "https://slsa.dev/provenance/v1"), key.privateKey),
        ),
      ),
    /it is an attestation \(https:\/\/slsa\.dev\/provenance\/v1\), and no signature/,
  );
  expectVerdict(
    "that is no bundle does not count, and hides none that is one",
    ours,
    ({ push }) => {
      push(bundleReferrer(subject, "{}"));
      push(bundleReferrer(subject, { mediaType: "x" }));
      push(bundleReferrer(subject, bundleByKey(good, key.privateKey)));
    },
    /^signed by the public key$/,
  );
});

describe("keyless", async () => {
  const [sigstore, stranger] = await Promise.all([makeSigstore(), makeSigstore()]);
  const payload = simpleSigning(fixture.digest);
  const good = statementOf(fixture.digest);
  const layouts = {
    "cosign's own layout": async (identity: string, issuer: string, from = sigstore, changed = false) => {
      const layer = await from.legacy(changed ? simpleSigning(OTHER) : payload, identity, issuer);
      return legacyTag(fixture.digest, [changed ? { ...layer, payload } : layer]);
    },
    "a bundle": async (identity: string, issuer: string, from = sigstore, changed = false) => {
      const bundle = await from.bundle(changed ? statementOf(OTHER) : good, identity, issuer);
      const { dsseEnvelope } = bundle;
      return bundleReferrer(
        subject,
        changed
          ? { ...bundle, dsseEnvelope: { ...dsseEnvelope, payload: Buffer.from(good).toString("base64") } }
          : bundle,
      );
    },
  };
  for (const [name, make] of Object.entries(layouts)) {
    const [right, wrongName, wrongIssuer, untrusted, changed] = await Promise.all([
      make(RELEASE, ISSUER),
      make(`${RELEASE}.evil`, ISSUER),
      make(RELEASE, "https://evil.test"),
      make(RELEASE, ISSUER, stranger),
      make(RELEASE, ISSUER, sigstore, true),
    ]);
    const rule = keyless(sigstore.root);
    const signed = /^signed by https:\/\/git\.test\/acme\/app\/.*@refs\/tags\/v1 \(https:\/\/issuer\.test\)$/;
    const pattern = (text: string) => keyless(sigstore.root, { identity: { _tag: "Matching", pattern: text } });
    expectVerdict(`${name} counts`, rule, ({ push }) => push(right), signed);
    expectVerdict(
      `${name} counts by a pattern`,
      pattern("https://git\\.test/acme/app/.*@refs/tags/v[0-9]+"),
      ({ push }) => push(right),
      signed,
    );
    expectVerdict(
      `${name} does not count by a pattern that is only found inside`,
      pattern("https://git\\.test/acme/app/.*@refs/tags/v1"),
      ({ push }) => push(wrongName),
      /it was made by https:.*evil, not by/,
    );
    expectVerdict(`${name} of another identity`, rule, ({ push }) => push(wrongName), /made by .*\.evil, not by/);
    expectVerdict(
      `${name} of another issuer`,
      rule,
      ({ push }) => push(wrongIssuer),
      /identity of https:\/\/evil\.test, not of https:\/\/issuer\.test/,
    );
    expectVerdict(`${name} by a root that we do not trust`, rule, ({ push }) => push(untrusted), /none counts/);
    expectVerdict(`${name} that was changed`, rule, ({ push }) => push(changed), /none counts/);
    expectVerdict(`${name} where a key is asked for`, ours, ({ push }) => push(right), /none counts/);
  }
  expectVerdict(
    "a signature by a key does not count",
    keyless(sigstore.root),
    ({ push }) => {
      push(bundleReferrer(subject, bundleByKey(good, key.privateKey)));
      push(legacyTag(fixture.digest, [legacyByKey(payload, key.privateKey)]));
    },
    /made with a key, and an identity is asked for; it has no certificate/,
  );
  const { annotations } = await sigstore.legacy(payload, RELEASE, ISSUER);
  expectVerdict(
    "a certificate without an entry of the log does not count",
    keyless(sigstore.root),
    ({ push }) => {
      const { "dev.sigstore.cosign/bundle": _, ...rest } = annotations;
      push(legacyTag(fixture.digest, [{ payload, annotations: rest }]));
    },
    /it has no entry of a transparency log/,
  );
  const bundle = await sigstore.bundle(good, RELEASE, ISSUER);
  expectVerdict(
    "a bundle without an entry of the log does not count",
    keyless(sigstore.root),
    ({ push }) =>
      push(
        bundleReferrer(subject, {
          ...bundle,
          verificationMaterial: { ...bundle.verificationMaterial, tlogEntries: [] },
        }),
      ),
    /none counts/,
  );
});

describe("what cannot be known", () => {
  it.live("is an error of the registry and never 'unsigned' where a listing is throttled or a blob is wrong", () =>
    Effect.gen(function* () {
      const { server, push, verdict } = yield* world();
      push(legacyTag(fixture.digest, [legacyByKey(simpleSigning(fixture.digest), key.privateKey)]));
      for (const path of [/referrers/, /manifests\/sha256-/, /blobs/]) {
        const fault = server.faults.add({
          match: { path, times: Number.POSITIVE_INFINITY },
          action: { kind: "status", status: 403 },
        });
        expect(yield* Effect.flip(verdict(ours))).toMatchObject({ _tag: "RegistryError", reason: "denied" });
        fault.remove();
      }
      server.faults.add({ match: { path: /blobs/, times: Number.POSITIVE_INFINITY }, action: { kind: "wrongBytes" } });
      expect(yield* Effect.flip(verdict(ours))).toMatchObject({ _tag: "RegistryError", reason: "digest-mismatch" });
    }).pipe(Effect.scoped),
  );

  it.live("is an error of ours where the key or the root cannot be read", () =>
    Effect.gen(function* () {
      const { verdict } = yield* world();
      const failure = (rule: SignatureRule) => Effect.map(Effect.flip(verdict(rule)), ({ message }) => message);
      expect(yield* failure({ _tag: "PublicKey", files: ["/nowhere.pub"] })).toContain(
        "public key /nowhere.pub: ENOENT",
      );
      expect(yield* failure(byKey("no key"))).toContain("the file has no PUBLIC KEY");
      const pem = key.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
      expect(yield* failure(byKey(pem))).toContain("the file holds a private key");
      expect(yield* failure(keyless("{}"))).toContain("it names no certificate authority");
      expect(yield* failure(keyless("{"))).toMatch(/^trust root .*: .*JSON/);
      const trustRoot = { _tag: "Tuf", mirror: "http://127.0.0.1:1", root: file("{}") } as const;
      expect(yield* failure(keyless("", { trustRoot }))).toContain("trust root by TUF from http://127.0.0.1:1");
    }).pipe(Effect.scoped),
  );

  it.live("a key that was replaced counts from then on", () =>
    Effect.gen(function* () {
      const { registry, push } = yield* world();
      push(legacyTag(fixture.digest, [legacyByKey(simpleSigning(fixture.digest), key.privateKey)]));
      const path = file(pemOf(keyPair().publicKey));
      const verifier = yield* makeVerifier({ _tag: "PublicKey", files: [path] }, folder);
      const verdict = verifier.verify(registry, app, fixture.digest);
      expect((yield* verdict)._tag).toBe("Unsigned");
      writeFileSync(path, pemOf(key.publicKey));
      expect((yield* verdict)._tag).toBe("Signed");
      expect(cosignTag(fixture.digest, "sig")).toMatch(/\.sig$/);
    }).pipe(Effect.scoped),
  );
});
