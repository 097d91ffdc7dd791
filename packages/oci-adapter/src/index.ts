/** Any registry that keeps the OCI distribution specification (`type: oci`), and what those registries tell us. */
export { type OciOptions, ociAdapter } from "./adapter.ts";
