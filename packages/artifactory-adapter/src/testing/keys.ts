/** What a repository key of the personality is. Keys hold OCI content; a `virtual` one shows its members, a `remote` one what its cache holds. */
export type TestKey =
  | { readonly kind: "local" | "federated"; readonly packageType?: "docker" | "oci" | "helmoci" | undefined }
  | { readonly kind: "remote" }
  | {
      readonly kind: "virtual";
      readonly members: ReadonlyArray<string>;
      /** The local key that takes pushes. Default: none, and they are refused. */
      readonly deployTo?: string | undefined;
      /** `resolveDockerTagsByTimestamp`: the newest of equal tags counts, not the first member. Default false. */
      readonly byTimestamp?: boolean | undefined;
    };

/** Questions about keys. */
export interface TestKeys {
  readonly all: ReadonlyMap<string, TestKey>;
  /** Where content of this key is stored, in the order in which it is looked for; `undefined`: there is no such key. */
  readonly storedIn: (key: string) => ReadonlyArray<string> | undefined;
  /** The key that takes what is pushed to this one; `undefined`: it takes nothing. */
  readonly takenBy: (key: string) => string | undefined;
  readonly packageTypeOf: (key: string) => string;
}

export const makeKeys = (all: ReadonlyMap<string, TestKey>): TestKeys => {
  const storedIn = (key: string): ReadonlyArray<string> | undefined => {
    const kind = all.get(key);
    if (kind === undefined)
      return key.endsWith("-cache") && all.get(key.slice(0, -6))?.kind === "remote" ? [key] : undefined;
    if (kind.kind === "remote") return [`${key}-cache`];
    return kind.kind === "virtual" ? kind.members.flatMap((member) => storedIn(member) ?? []) : [key];
  };
  return {
    all,
    storedIn,
    takenBy: (key) => {
      const kind = all.get(key);
      if (kind === undefined || kind.kind === "remote") return undefined;
      return kind.kind === "virtual" ? kind.deployTo : key;
    },
    packageTypeOf: (key) => {
      const kind = all.get(key);
      return kind !== undefined && "packageType" in kind ? (kind.packageType ?? "docker") : "docker";
    },
  };
};
