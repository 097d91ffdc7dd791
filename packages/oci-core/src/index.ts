/** OCI images as they are: references and manifests (`./model`), a distribution client, and a copy engine. */

export * from "./copy/index.ts";
export * from "./layout/index.ts";
export * from "./model/index.ts";
export * from "./registry/index.ts";
