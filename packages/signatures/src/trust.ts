import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { getTrustedRoot } from "@sigstore/tuf";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import * as Effect from "effect/Effect";
import { ROOT_TRUST_MS } from "./limits.ts";
import { type SignatureRule, TrustError } from "./rule.ts";

/** What a rule believes in, read and ready. */
export type Trust =
  | { readonly _tag: "Keys"; readonly keys: ReadonlyArray<KeyObject> }
  | {
      readonly _tag: "Keyless";
      readonly material: TrustMaterial;
      readonly issuer: string;
      readonly isIdentity: (identity: string) => boolean;
      /** As a person wrote it. */
      readonly identity: string;
    };

/** Reads what a rule names. Files are read each time, so that a key can be replaced; what TUF gave is believed for an hour. */
export const trustOf = (
  rule: SignatureRule,
  cacheDirectory: string,
): Effect.Effect<Effect.Effect<Trust, TrustError>> => {
  if (rule._tag === "PublicKey")
    return Effect.succeed(
      Effect.map(Effect.forEach(rule.files, readKey), (keys): Trust => ({ _tag: "Keys", keys: keys.flat() })),
    );
  const { issuer, identity, trustRoot } = rule;
  const root = trustRoot._tag === "File" ? Effect.succeed(rootFile(trustRoot.file)) : byTuf(trustRoot, cacheDirectory);
  return Effect.map(
    root,
    Effect.map((read): Trust => {
      const { is, text } = identityOf(identity);
      return { _tag: "Keyless", material: toTrustMaterial(read), issuer, isIdentity: is, identity: text };
    }),
  );
};

/** The whole of it has to match: a pattern that is found somewhere inside would take any workflow of anybody for ours. */
const identityOf = (identity: Extract<SignatureRule, { _tag: "Keyless" }>["identity"]) => {
  if (identity._tag === "Exactly") return { is: (found: string) => found === identity.text, text: identity.text };
  const pattern = new RegExp(`^(?:${identity.pattern})$`, "u");
  return { is: (found: string) => pattern.test(found), text: `/${identity.pattern}/` };
};

const reading = <A>(what: string, read: () => Promise<A>): Effect.Effect<A, TrustError> =>
  Effect.tryPromise({ try: read, catch: (cause) => new TrustError({ what, cause }) });

const PEM = /-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/g;

/** Every public key of a PEM file (`cosign.pub`). A private key is refused, although the public one could be had from it: it must not lie here. */
const readKey = (file: string) =>
  reading(`public key ${file}`, async (): Promise<ReadonlyArray<KeyObject>> => {
    const text = await readFile(file, "utf8");
    if (text.includes("PRIVATE KEY")) throw new Error("the file holds a private key: name the public one (cosign.pub)");
    const keys = (text.match(PEM) ?? []).map((pem) => createPublicKey(pem));
    if (keys.length === 0) throw new Error("the file has no PUBLIC KEY in PEM form");
    return keys;
  });

/** As `cosign trusted-root create` and Sigstore's TUF repository write it. */
const rootFile = (file: string) =>
  reading(`trust root ${file}`, async () => usable(TrustedRoot.fromJSON(JSON.parse(await readFile(file, "utf8")))));

/** A root that names nobody would refuse every signature without saying why. */
const usable = (root: TrustedRoot): TrustedRoot => {
  if (root.certificateAuthorities.length === 0) throw new Error("it names no certificate authority");
  return root;
};

const byTuf = (
  { mirror, root }: { readonly mirror?: string | undefined; readonly root?: string | undefined },
  cachePath: string,
): Effect.Effect<Effect.Effect<TrustedRoot, TrustError>> => {
  const fetched = reading(`trust root by TUF${mirror === undefined ? "" : ` from ${mirror}`}`, async () =>
    usable(
      await getTrustedRoot({
        cachePath,
        ...(mirror === undefined ? {} : { mirrorURL: mirror }),
        ...(root === undefined ? {} : { rootPath: root }),
      }),
    ),
  );
  // A failure is not remembered: the next image asks again.
  return Effect.map(Effect.cachedInvalidateWithTTL(fetched, ROOT_TRUST_MS), ([cached, forget]) =>
    Effect.tapError(cached, () => forget),
  );
};
