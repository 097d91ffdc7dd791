/** Names that passed their grammar. Only the parsers of this folder make them, so whoever holds one may put it in a URL. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** `algorithm:encoded` with an algorithm that we can verify (sha256, sha512). */
export type Digest = Branded<"Digest">;
/** A repository name by the grammar of the distribution specification, without host. */
export type RepositoryName = Branded<"RepositoryName">;
/** A tag by the grammar of the distribution specification. */
export type Tag = Branded<"Tag">;
