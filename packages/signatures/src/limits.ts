/** Signatures of one image that are looked at: cosign appends, so a release that is signed again and again has some dozens. */
export const SIGNATURES_MAX = 50;
/** A simplesigning payload has some hundred bytes, and annotations of the signer's choice. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;
/** A bundle has certificates, proofs and the statement: 10 KiB in practice. */
export const BUNDLE_BYTES_MAX = 1024 * 1024;
/** Reasons that are told, of signatures that do not count. */
export const REASONS_MAX = 3;
/** A trust root that was fetched is believed for this long: it changes a few times a year, and a key that leaks is taken out of it within hours. */
export const ROOT_TRUST_MS = 60 * 60_000;
