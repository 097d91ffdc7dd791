/** Queries in Artifactory's query language, as text. Source: facts/artifactory.md 3.3. */

/** Both kinds of manifest: of one image, and of an index or a Docker list. */
const MANIFESTS = [{ name: { $eq: "manifest.json" } }, { name: { $eq: "list.manifest.json" } }];
/** A user without administrator rights must ask for these three; with properties among them neither sort nor offset would work. */
const FIELDS = '"repo","path","name","sha256","modified","modified_by"';

/** Which manifests are meant. */
export type ManifestQuery =
  /** Of one image, and of images below it, which the reader leaves out. */
  | { readonly _tag: "Image"; readonly key: string; readonly image: string }
  /** Of all images of a key. */
  | { readonly _tag: "Key"; readonly key: string }
  /** Written since a time, in any of these keys. */
  | { readonly _tag: "Since"; readonly keys: ReadonlyArray<string>; readonly since: Date };

/** One page of a query. In the order of paths, so that an index stands before the manifest that an older push left beside it. */
export const manifestsPage = (query: ManifestQuery, offset: number, limit: number): string => {
  const order = query._tag === "Since" ? '"modified","repo","path","name"' : '"path","name"';
  const find = JSON.stringify({ type: "file", ...criteria(query) });
  return `items.find(${find}).include(${FIELDS}).sort({"$asc":[${order}]}).offset(${offset}).limit(${limit})`;
};

const criteria = (query: ManifestQuery): Readonly<Record<string, unknown>> => {
  switch (query._tag) {
    case "Image":
      // Names of images have neither `*` nor `?`, so nothing of them is a wildcard.
      return { repo: query.key, path: { $match: `${query.image}/*` }, $or: MANIFESTS };
    case "Key":
      return { repo: query.key, $or: MANIFESTS };
    case "Since":
      return {
        modified: { $gt: query.since.toISOString() },
        $and: [{ $or: query.keys.map((key) => ({ repo: key })) }, { $or: MANIFESTS }],
      };
  }
};
