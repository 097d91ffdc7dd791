/** What of an image a route takes along, and what it has to be before it is copied. */
import { parsePlatform } from "@drayage/oci-core/model";
import * as z from "zod";
import { apiUrl } from "./registry/common.ts";
import { checked } from "./text.ts";

/** Source: RFC 6838, section 4.2. */
const MEDIA_TYPE = /^[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}\/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}$/;
/** What a copy takes at the most (oci-core). */
const REFERRERS_MOST = 500;

const platformList = z
  .array(
    checked(
      parsePlatform,
      "not a platform",
      "Write os/architecture, or os/architecture/variant, e.g. `linux/amd64` or `linux/arm/v7`",
    ),
  )
  .min(1);

const filePath = z.string().min(1);
const signatureRule = z
  .strictObject({
    publicKey: z
      .union([filePath, z.array(filePath).min(1)])
      .optional()
      .describe(
        "PEM file of a public key (`cosign.pub`), or several of which any counts (rotation). Relative to this file; read again for each image. Default: none.",
      ),
    keyless: z
      .strictObject({
        issuer: z
          .string()
          .min(1)
          .describe("Who vouches for the identity, exactly, e.g. `https://token.actions.githubusercontent.com`."),
        identity: z.string().min(1).optional().describe("The identity in the certificate, exactly. Default: none."),
        identityPattern: z
          .string()
          .min(1)
          .refine(isPattern, { error: "not a regular expression" })
          .optional()
          .describe("A regular expression that matches all of the identity, instead of `identity`. Default: none."),
        trustRoot: z
          .union([
            filePath,
            z.strictObject({
              mirror: apiUrl.optional().describe("Address of a TUF repository. Default: Sigstore's public one."),
              root: filePath.optional().describe("Its first `root.json`. Default: that of Sigstore's public one."),
            }),
          ])
          .prefault({})
          .describe(
            "Who may issue certificates and keep logs: a file (`trusted_root.json`, relative to this file), or `{ mirror, root }` for TUF.",
          ),
      })
      .refine((keyless) => (keyless.identity === undefined) !== (keyless.identityPattern === undefined), {
        error: "identity or identityPattern, one of them",
      })
      .optional()
      .describe("A certificate of a moment instead of a key (`cosign sign` without `--key`). Default: none."),
  })
  .refine((rule) => (rule.publicKey === undefined) !== (rule.keyless === undefined), {
    error: "publicKey or keyless, one of them",
  });
function isPattern(text: string): boolean {
  try {
    return new RegExp(`^(?:${text})$`, "u").global === false;
  } catch {
    return false;
  }
}

/** Keys of a route. */
export const contentKeys = {
  platforms: z
    .union([
      z.literal("all"),
      platformList,
      z.strictObject({
        only: platformList.describe("Platforms that are wanted, e.g. `linux/amd64`; without a variant every variant."),
        index: z
          .enum(["keep", "rewrite"])
          .prefault("keep")
          .describe(
            "`keep`: the index keeps its digest and its signatures, and images of other platforms are missing behind it; refused where the registry wants all of them (Amazon ECR, Artifact Registry). `rewrite`: an index of the wanted alone, with another digest and without signatures of the old one.",
          ),
      }),
    ])
    .prefault("all")
    .describe(
      "Platforms of an index: `all`, a list (`[linux/amd64]`), or `{ only: [linux/amd64], index: rewrite }`. An image that is no index goes as it is; an index with none of them is parked.",
    ),
  foreignLayers: z
    .enum(["leave", "copy"])
    .prefault("leave")
    .describe(
      "Layers that their makers do not allow to be passed on (Windows base layers): `leave` them where their makers have them, or `copy` them from the source registry, which has to hold them. Addresses in a manifest are never followed.",
    ),
  referrers: z
    .union([
      z.enum(["all", "none"]),
      z
        .strictObject({
          artifactTypes: z
            .array(z.string().regex(MEDIA_TYPE, "a media type, e.g. application/spdx+json"))
            .min(1)
            .optional()
            .describe(
              "Only of these types, at every depth; cosign's tags count as `application/vnd.dev.cosign.artifact.sig.v1+json`, `.att.` and `.sbom.`. Default: every type.",
            ),
          most: z
            .int()
            .min(1)
            .max(REFERRERS_MOST)
            .optional()
            .describe(
              "At most so many of one subject, the newest by `org.opencontainers.image.created` first; cosign's tags are not counted. Default: all, and more than 500 park the image.",
            ),
        })
        .refine((choice) => choice.artifactTypes !== undefined || choice.most !== undefined, {
          error: "neither artifactTypes nor most",
        }),
    ])
    .prefault("all")
    .describe(
      "Whether signatures, attestations and SBOMs go with their image: `all`, `none`, or `{ artifactTypes: […], most: 50 }`.",
    ),
  require: z
    .strictObject({
      signature: signatureRule.describe(
        "A signature of cosign on the image (or its index), verified before anything is copied. What is not signed yet waits, and goes when the signature comes.",
      ),
    })
    .optional()
    .describe("What an image has to be before it is copied. Default: nothing."),
};
