/** Signers as cosign is one, and a Sigstore of our own: certificate authority, log of certificates, transparency log. No network. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { cosignTag, type Digest, digestHex, digestOf, parseDigest } from "@drayage/oci-core/model";
import { initializeCA, initializeCTLog, initializeTLog } from "@sigstore/mock";
import { HashAlgorithm, PublicKeyDetails, TrustedRoot } from "@sigstore/protobuf-specs";

export const SIGN = "https://sigstore.dev/cosign/sign/v1";
export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** A blob, and where it stands in a manifest. */
interface Part {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly size: number;
}
const part = (value: unknown): Part => {
  const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return { bytes, digest: digestOf(bytes), size: bytes.byteLength };
};

/** What a signer pushes. */
export interface Artefact {
  readonly reference: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly blobs: ReadonlyArray<Buffer>;
}

/** One layer of a cosign tag. */
export interface LegacyLayer {
  readonly payload: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Source: cosign specs/SIGNATURE_SPEC.md. */
export const simpleSigning = (about: string, type = "cosign container image signature"): string =>
  JSON.stringify({
    critical: {
      identity: { "docker-reference": "registry.example/app" },
      image: { "docker-manifest-digest": about },
      type,
    },
    optional: null,
  });

/** The tag of a subject, with these signatures. */
export const legacyTag = (subject: Digest, layers: ReadonlyArray<LegacyLayer>): Artefact => {
  const config = part({ architecture: "", os: "", rootfs: { type: "layers", diff_ids: [] } });
  const payloads = layers.map(({ payload }) => part(payload));
  const document = part({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config.digest, size: config.size },
    layers: payloads.map(({ digest, size }, at) => ({
      mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
      digest,
      size,
      annotations: layers[at]?.annotations,
    })),
  });
  const blobs = [config, ...payloads].map(({ bytes }) => bytes);
  return { reference: cosignTag(subject, "sig"), mediaType: MANIFEST, bytes: document.bytes, blobs };
};

/** A bundle that refers to a subject. */
export const bundleReferrer = (
  subject: { readonly digest: Digest; readonly size: number },
  bundle: unknown,
): Artefact => {
  const empty = part("{}");
  const layer = part(bundle);
  const document = part({
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType: BUNDLE_TYPE,
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: empty.digest, size: empty.size },
    layers: [{ mediaType: BUNDLE_TYPE, digest: layer.digest, size: layer.size }],
    subject: { mediaType: MANIFEST, digest: subject.digest, size: subject.size },
  });
  return { reference: document.digest, mediaType: MANIFEST, bytes: document.bytes, blobs: [empty.bytes, layer.bytes] };
};

export const keyPair = (kind: "ec" | "rsa" | "ed25519" = "ec") =>
  kind === "ec"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : kind === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ed25519");
export const pemOf = (key: KeyObject): string => key.export({ format: "pem", type: "spki" }).toString();

const signed = (bytes: string | Uint8Array, key: KeyObject): string =>
  sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", Buffer.from(bytes), key).toString("base64");

/** One signature by a key. */
export const legacyByKey = (payload: string, key: KeyObject): LegacyLayer => ({
  payload,
  annotations: { "dev.cosignproject.cosign/signature": signed(payload, key) },
});

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
export const statementOf = (subject: Digest, predicateType = SIGN): string =>
  JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: digestHex(subject) } }],
    predicateType,
    predicate: {},
  });
/** Source: DSSE, protocol.md. */
const preAuthEncoding = (payload: string): string =>
  `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${Buffer.byteLength(payload)} ${payload}`;
const envelopeOf = (payload: string, key: KeyObject) => ({
  payload: Buffer.from(payload).toString("base64"),
  payloadType: PAYLOAD_TYPE,
  signatures: [{ sig: signed(preAuthEncoding(payload), key) }],
});

/** A bundle by a key. */
export const bundleByKey = (payload: string, key: KeyObject) => ({
  mediaType: BUNDLE_TYPE,
  verificationMaterial: { publicKey: { hint: "any" }, tlogEntries: [] },
  dsseEnvelope: envelopeOf(payload, key),
});

/** Source: rekor, openapi.yaml, LogEntry. */
interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logIndex: number;
  readonly logID: string;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly rootHash: string;
      readonly treeSize: number;
      readonly checkpoint: string;
    };
  };
}

/** A Sigstore of its own. */
export const makeSigstore = async () => {
  const ctLog = await initializeCTLog(generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const ca = await initializeCA(generateKeyPairSync("ec", { namedCurve: "P-384" }), ctLog);
  const log = await initializeTLog("https://rekor.test", generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const validFor = { start: new Date(0), end: undefined };
  const logInstance = (host: string, rawBytes: Buffer, keyId: Buffer) => ({
    baseUrl: `https://${host}`,
    logId: { keyId },
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: { rawBytes, keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256, validFor },
    checkpointKeyId: undefined,
    operator: "test",
  });
  const bufferOf = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const root = TrustedRoot.toJSON({
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    certificateAuthorities: [
      {
        subject: { commonName: "sigstore", organization: "sigstore.mock" },
        uri: "https://fulcio.test",
        certChain: { certificates: [{ rawBytes: bufferOf(ca.rootCertificate) }] },
        validFor,
        operator: "test",
      },
    ],
    tlogs: [logInstance("rekor.test", log.publicKey, createHash("sha256").update(log.publicKey).digest())],
    ctlogs: [logInstance("ctfe.test", ctLog.publicKey, bufferOf(ctLog.logID))],
    timestampAuthorities: [],
  });

  const certify = async (identity: string, issuer: string) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const extensions = [{ oid: "1.3.6.1.4.1.57264.1.8", value: issuer }];
    const der = await ca.issueCertificate({
      publicKey: Uint8Array.from(publicKey.export({ format: "der", type: "spki" })),
      subjectAltName: identity,
      extensions,
    });
    const rawBytes = bufferOf(der).toString("base64");
    const pem = `-----BEGIN CERTIFICATE-----\n${rawBytes}\n-----END CERTIFICATE-----\n`;
    return { privateKey, rawBytes, pem };
  };
  const record = async (entry: object) => {
    // Its type comes from a package that is not there.
    const [found]: ReadonlyArray<LogEntry> = Object.values(Object(await log.log(entry)));
    if (found === undefined) throw new Error("the log took nothing");
    return found;
  };

  return {
    /** `trusted_root.json` */
    root: JSON.stringify(root),
    /** One signature of cosign's own layout, keyless. */
    legacy: async (payload: string, identity: string, issuer: string): Promise<LegacyLayer> => {
      const { privateKey, pem } = await certify(identity, issuer);
      const signature = signed(payload, privateKey);
      const { body, integratedTime, logIndex, logID, verification } = await record({
        apiVersion: "0.0.1",
        kind: "hashedrekord",
        spec: {
          data: { hash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") } },
          signature: { content: signature, publicKey: { content: Buffer.from(pem).toString("base64") } },
        },
      });
      const rekor = {
        SignedEntryTimestamp: verification.signedEntryTimestamp,
        Payload: { body, integratedTime, logIndex, logID },
      };
      return {
        payload,
        annotations: {
          "dev.cosignproject.cosign/signature": signature,
          "dev.sigstore.cosign/certificate": pem,
          "dev.sigstore.cosign/bundle": JSON.stringify(rekor),
        },
      };
    },
    /** A bundle, keyless. */
    bundle: async (payload: string, identity: string, issuer: string) => {
      const { privateKey, rawBytes, pem } = await certify(identity, issuer);
      const dsseEnvelope = envelopeOf(payload, privateKey);
      const { body, integratedTime, logIndex, logID, verification } = await record({
        apiVersion: "0.0.1",
        kind: "dsse",
        spec: {
          payloadHash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") },
          signatures: [{ signature: dsseEnvelope.signatures[0]?.sig, verifier: Buffer.from(pem).toString("base64") }],
        },
      });
      const proof = verification.inclusionProof;
      return {
        mediaType: BUNDLE_TYPE,
        verificationMaterial: {
          certificate: { rawBytes },
          tlogEntries: [
            {
              logIndex: String(logIndex),
              logId: { keyId: Buffer.from(logID, "hex").toString("base64") },
              kindVersion: { kind: "dsse", version: "0.0.1" },
              integratedTime: String(integratedTime),
              inclusionPromise: { signedEntryTimestamp: verification.signedEntryTimestamp },
              inclusionProof: {
                logIndex: String(proof.logIndex),
                rootHash: Buffer.from(proof.rootHash, "hex").toString("base64"),
                treeSize: String(proof.treeSize),
                hashes: [],
                checkpoint: { envelope: proof.checkpoint },
              },
              canonicalizedBody: body,
            },
          ],
        },
        dsseEnvelope,
      };
    },
  };
};

export const OTHER = parseDigest(`sha256:${"ab".repeat(32)}`) ?? digestOf(Buffer.from("other"));
