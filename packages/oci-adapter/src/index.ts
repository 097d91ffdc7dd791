/** Any registry that keeps the OCI distribution specification (`type: oci`). */
export { ociAdapter } from "./adapter.ts";
