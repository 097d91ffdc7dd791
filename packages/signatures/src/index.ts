/** Whether an image is signed: by a public key, or keyless by an identity, as cosign signs. */
export { type SignatureRule, TrustError, type Verdict } from "./rule.ts";
export { makeVerifier, type SignatureVerifier } from "./verify-image.ts";
