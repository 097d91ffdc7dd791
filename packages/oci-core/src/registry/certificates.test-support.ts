import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of this test alone, which nobody else trusts. */
export interface Authority {
  readonly cert: string;
  /** For a server or a client. Names are DNS names or IPv4 addresses. */
  readonly issue: (...names: ReadonlyArray<string>) => Certificate;
}

/** Makes an authority without any tool of the machine: X.509 v3 in DER, as small as TLS takes it (RFC 5280, RFC 5480). */
export const makeAuthority = (name = "Test authority"): Authority => {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certify = (subject: string, publicKey: KeyObject, extensions: Buffer): string =>
    toPem("CERTIFICATE", certificate({ issuer: name, subject, publicKey, extensions, by: own.privateKey }));
  return {
    cert: certify(name, own.publicKey, sequence(extension("551d13", sequence(tlv(0x01, Buffer.from([0xff])))))),
    issue: (...names) => {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const cert = certify(names[0] ?? "client", publicKey, sequence(extension("551d11", alternatives(names))));
      return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
};

const certificate = (given: {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly extensions: Buffer;
  readonly by: KeyObject;
}): Buffer => {
  const day = 24 * 3600_000;
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))), // version 3
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(given.issuer),
    sequence(time(Date.now() - day), time(Date.now() + day)),
    nameOf(given.subject),
    given.publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, given.extensions),
  );
  return sequence(body, ECDSA_SHA256, tlv(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, given.by)])));
};

const tlv = (tag: number, value: Buffer): Buffer => {
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
};
const sequence = (...parts: ReadonlyArray<Buffer>): Buffer => tlv(0x30, Buffer.concat(parts));
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, "hex"));
const ECDSA_SHA256 = sequence(oid("2a8648ce3d040302"));
const nameOf = (common: string): Buffer => sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from(common)))));
const time = (at: number): Buffer =>
  tlv(0x17, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`));
/** Critical, so that nothing ignores it. */
const extension = (id: string, value: Buffer): Buffer =>
  sequence(oid(id), tlv(0x01, Buffer.from([0xff])), tlv(0x04, value));
const alternatives = (names: ReadonlyArray<string>): Buffer =>
  sequence(
    ...names.map((name) =>
      isIPv4(name) ? tlv(0x87, Buffer.from(name.split(".").map(Number))) : tlv(0x82, Buffer.from(name)),
    ),
  );
const toPem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END ${label}-----\n`;
