import { createHash, type KeyObject, verify } from "node:crypto";
import { type Digest, digestAlgorithm, digestHex } from "@drayage/oci-core/model";
import { type Bundle, bundleFromJSON } from "@sigstore/bundle";
import { type SignedEntity, toSignedEntity, Verifier } from "@sigstore/verify";
import type { Candidate } from "./find.ts";
import type { Trust } from "./trust.ts";
import { readJson, rekorBody, rekorBundle, simpleSigning, statement } from "./wire.ts";

/** Whether one candidate is a signature of `subject` by whom the rule names: by whom, or why it does not count. */
export type Check =
  | { readonly _tag: "Valid"; readonly by: string }
  | { readonly _tag: "Invalid"; readonly why: string };

const invalid = (why: string): Check => ({ _tag: "Invalid", why });

/** Total: whatever is wrong with a candidate is a reason, since anybody may push one. */
export const check = (candidate: Candidate, subject: Digest, trust: Trust): Check => {
  try {
    return candidate._tag === "Legacy"
      ? checkLegacy(candidate, subject, trust)
      : checkBundle(candidate, subject, trust);
  } catch (cause) {
    return invalid(cause instanceof Error ? cause.message : String(cause));
  }
};

const SIGNATURE = "dev.cosignproject.cosign/signature";
const CERTIFICATE = "dev.sigstore.cosign/certificate";
const REKOR = "dev.sigstore.cosign/bundle";

/** Source: cosign specs/SIGNATURE_SPEC.md. */
const checkLegacy = (
  { payload, annotations }: Extract<Candidate, { _tag: "Legacy" }>,
  subject: Digest,
  trust: Trust,
): Check => {
  const signed = readJson(simpleSigning, payload);
  if (signed === undefined) return invalid("its payload is no simplesigning document");
  if (signed.critical.type !== "cosign container image signature")
    return invalid(`its payload is of the type ${signed.critical.type}`);
  const about = signed.critical.image["docker-manifest-digest"];
  if (about !== subject) return invalid(`it is about ${about}`);
  const signature = annotations[SIGNATURE];
  if (signature === undefined) return invalid("it has no signature");
  if (trust._tag === "Keys") {
    const bytes = Buffer.from(signature, "base64");
    const at = trust.keys.findIndex((key) => verify(hashOf(key), payload, key, bytes));
    return at < 0 ? invalid("no public key of ours made it") : { _tag: "Valid", by: keyName(trust.keys, at) };
  }
  const bundle = legacyBundle(payload, signature, annotations);
  return typeof bundle === "string" ? invalid(bundle) : byIdentity(toSignedEntity(bundle, Buffer.from(payload)), trust);
};

/** cosign signs with SHA-256 whatever the curve; Ed25519 has its own. Source: sigstore/sigstore pkg/signature, LoadVerifier. */
const hashOf = ({ asymmetricKeyType }: KeyObject): "sha256" | null =>
  asymmetricKeyType === "ed25519" ? null : "sha256";

const keyName = (keys: ReadonlyArray<KeyObject>, at: number): string =>
  keys.length === 1 ? "the public key" : `public key ${at + 1} of ${keys.length}`;

/** The annotations of a keyless signature as the bundle that the same signer would write today: one way to check both. */
const legacyBundle = (
  payload: Uint8Array,
  signature: string,
  annotations: Readonly<Record<string, string>>,
): Bundle | string => {
  const pem = annotations[CERTIFICATE];
  if (pem === undefined) return "it has no certificate: it was made with a key";
  const log = readJson(rekorBundle, annotations[REKOR] ?? "");
  if (log === undefined) return "it has no entry of a transparency log";
  const { body, integratedTime, logIndex, logID } = log.Payload;
  const kind = readJson(rekorBody, Buffer.from(body, "base64"));
  if (kind === undefined) return "its entry of the transparency log cannot be read";
  return bundleFromJSON({
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
    verificationMaterial: {
      x509CertificateChain: { certificates: [{ rawBytes: derOf(pem) }] },
      tlogEntries: [
        {
          logIndex: String(logIndex),
          logId: { keyId: Buffer.from(logID, "hex").toString("base64") },
          kindVersion: { kind: kind.kind, version: kind.apiVersion },
          integratedTime: String(integratedTime),
          inclusionPromise: { signedEntryTimestamp: log.SignedEntryTimestamp },
          canonicalizedBody: body,
        },
      ],
    },
    messageSignature: {
      messageDigest: { algorithm: "SHA2_256", digest: createHash("sha256").update(payload).digest("base64") },
      signature,
    },
  });
};

const derOf = (pem: string): string => pem.replace(/-----(?:BEGIN|END) CERTIFICATE-----|\s/g, "");

const IN_TOTO = "application/vnd.in-toto+json";
const STATEMENTS: ReadonlySet<string> = new Set([
  "https://in-toto.io/Statement/v1",
  "https://in-toto.io/Statement/v0.1",
]);
/** What says "signed" and no more. Attestations of other things about an image do not. Source: cosign pkg/types/predicate.go. */
const SIGNED = "https://sigstore.dev/cosign/sign/v1";

const checkBundle = ({ json }: Extract<Candidate, { _tag: "Bundle" }>, subject: Digest, trust: Trust): Check => {
  const bundle = bundleFromJSON(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)));
  if (bundle.content.$case !== "dsseEnvelope") return invalid("its bundle signs a message and no statement");
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  if (payloadType !== IN_TOTO) return invalid(`its statement is of the type ${payloadType}`);
  if (signatures.length !== 1) return invalid(`its envelope has ${signatures.length} signatures`);
  const said = readJson(statement, payload);
  if (said === undefined || !STATEMENTS.has(said._type)) return invalid("its statement cannot be read");
  if (said.predicateType !== SIGNED) return invalid(`it is an attestation (${said.predicateType}), and no signature`);
  const [algorithm, hex] = [digestAlgorithm(subject), digestHex(subject)];
  if (!said.subject.some(({ digest }) => digest[algorithm] === hex))
    return invalid("its statement is about another image");
  const entity = toSignedEntity(bundle);
  return trust._tag === "Keys" ? byKey(entity, trust.keys) : byIdentity(entity, trust);
};

/** A key is believed by itself: when it signed, and whether a log knows of it, is not asked. */
const byKey = (entity: SignedEntity, keys: ReadonlyArray<KeyObject>): Check => {
  if (entity.key.$case !== "public-key") return invalid("it is keyless, and a public key is asked for");
  const at = keys.findIndex((key) => entity.signature.verifySignature(key));
  return at < 0 ? invalid("no public key of ours made it") : { _tag: "Valid", by: keyName(keys, at) };
};

/** Certificate, its log, the log of the signature and its time: all by the trust root. Then who it is. Throws what is wrong. */
const byIdentity = (entity: SignedEntity, trust: Extract<Trust, { _tag: "Keyless" }>): Check => {
  if (entity.key.$case !== "certificate") return invalid("it was made with a key, and an identity is asked for");
  const { identity } = new Verifier(trust.material, {
    ctlogThreshold: 1,
    tlogThreshold: 1,
    timestampThreshold: 1,
  }).verify(entity);
  const name = identity?.subjectAlternativeName ?? "";
  const issuer = identity?.extensions?.issuer ?? "";
  if (issuer !== trust.issuer) return invalid(`it was made by an identity of ${issuer}, not of ${trust.issuer}`);
  if (!trust.isIdentity(name)) return invalid(`it was made by ${name}, not by ${trust.identity}`);
  return { _tag: "Valid", by: `${name} (${issuer})` };
};
