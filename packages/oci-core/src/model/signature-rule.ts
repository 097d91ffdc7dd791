/** What an image has to be signed with. Files are absolute paths. */
export type SignatureRule =
  /** By any of the keys in PEM files, as `cosign generate-key-pair` writes them. */
  | { readonly _tag: "PublicKey"; readonly files: ReadonlyArray<string> }
  /** By an identity that an issuer vouches for, with a certificate of a moment (cosign without a key). */
  | {
      readonly _tag: "Keyless";
      /** Exactly, e.g. `https://token.actions.githubusercontent.com`. */
      readonly issuer: string;
      /** The name in the certificate: an address of a workflow, or of a person. A pattern has to match all of it. */
      readonly identity:
        | { readonly _tag: "Exactly"; readonly text: string }
        | { readonly _tag: "Matching"; readonly pattern: string };
      /** Who may issue certificates and keep logs. */
      readonly trustRoot:
        | { readonly _tag: "File"; readonly file: string }
        /** By The Update Framework. Default: Sigstore's public instance; `root` is the first root of another one. */
        | { readonly _tag: "Tuf"; readonly mirror?: string | undefined; readonly root?: string | undefined };
    };
