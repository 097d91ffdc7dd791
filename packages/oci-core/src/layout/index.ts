/** OCI image layouts: a directory as a registry. */
export { openLayout } from "./open-layout.ts";
