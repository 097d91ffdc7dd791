/** What signers write, as far as we read it. */
import * as z from "zod";

/** Source: containers/image, docs/containers-signature.5.md; cosign specs/SIGNATURE_SPEC.md. */
export const simpleSigning = z.looseObject({
  critical: z.looseObject({
    image: z.looseObject({ "docker-manifest-digest": z.string() }),
    type: z.string(),
  }),
});

/** Source: in-toto attestation, spec/v1/statement.md. */
export const statement = z.looseObject({
  _type: z.string(),
  predicateType: z.string(),
  subject: z.array(z.looseObject({ digest: z.record(z.string(), z.string()) })).min(1),
});

/** Annotation `dev.sigstore.cosign/bundle`: the promise of the transparency log. Source: cosign pkg/cosign/bundle/rekor.go. */
export const rekorBundle = z.looseObject({
  SignedEntryTimestamp: z.string(),
  Payload: z.looseObject({
    body: z.string(),
    integratedTime: z.int(),
    logIndex: z.int(),
    logID: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
/** The body of such an entry, base64 of JSON. Source: rekor, pkg/types. */
export const rekorBody = z.looseObject({ kind: z.string(), apiVersion: z.string() });

/** `undefined` for what is no JSON, or not of that form. */
export const readJson = <A>(schema: z.ZodType<A>, bytes: Uint8Array | string): A | undefined => {
  try {
    const text = typeof bytes === "string" ? bytes : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const read = schema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined; // no UTF-8 or no JSON: both mean that it is no signature
  }
};
