import type { CopyRequest } from "@drayage/oci-core";
import { type PlatformChoice, parsePlatform } from "@drayage/oci-core/model";
import { CliError, unable } from "./cli-error.ts";
import type { CopyOptions } from "./program.ts";

/** What the options say of how a copy looks, the same for each of its images. */
export type CopyLook = Pick<CopyRequest, "depth" | "referrers" | "platforms" | "foreignLayers">;

export const copyLook = (options: CopyOptions): CopyLook | CliError => {
  const platforms = platformsOf(options);
  if (platforms instanceof CliError) return platforms;
  const { artifactType: artifactTypes } = options;
  if (artifactTypes !== undefined && options.referrers !== true)
    return unable("--artifact-type chooses among referrers, and none are copied", "add --referrers");
  return {
    depth: options.deep === true ? "deep" : options.referrers === true ? "referrers" : "tag",
    referrers: options.referrers === true ? (artifactTypes === undefined ? "all" : { artifactTypes }) : "none",
    platforms,
    foreignLayers: options.foreignLayers === true ? "copy" : "leave",
  };
};

const platformsOf = ({ platform = [], rewriteIndex }: CopyOptions): PlatformChoice | CliError | undefined => {
  if (platform.length === 0) {
    return rewriteIndex === true
      ? unable("--rewrite-index says how a choice of platforms is put, and there is none", "name one with --platform")
      : undefined;
  }
  const only = platform.map(parsePlatform);
  const wrong = platform.find((_, at) => only[at] === undefined);
  if (wrong !== undefined)
    return unable(`--platform ${wrong} is no platform`, "write linux/amd64, or linux/arm/v7 with a variant");
  return { only: only.filter((one) => one !== undefined), index: rewriteIndex === true ? "rewrite" : "keep" };
};
