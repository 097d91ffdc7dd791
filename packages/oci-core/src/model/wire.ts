import * as z from "zod";

/**
 * Documents as others write them, read loosely: what we do not use may have any shape, what only informs (annotations, platform)
 * is dropped when it is odd, and only what a copy stands on (type, digest, size) makes a document unreadable.
 */
const annotations = z.record(z.string(), z.string()).optional().catch(undefined);

const descriptor = z.looseObject({
  mediaType: z.string().min(1),
  digest: z.string(),
  size: z.int().nonnegative(),
  artifactType: z.string().optional().catch(undefined),
  annotations,
  platform: z
    .looseObject({ os: z.string(), architecture: z.string(), variant: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
  urls: z.array(z.string()).optional().catch(undefined),
});

/** Go writes an empty slice as `null`. */
const descriptors = z
  .array(descriptor)
  .nullable()
  .transform((list) => list ?? []);

const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional().catch(undefined),
  subject: descriptor.nullish(),
  annotations,
};

export const imageDocument = z.looseObject({ ...common, config: descriptor, layers: descriptors });
export const indexDocument = z.looseObject({ ...common, manifests: descriptors });

export type WireDescriptor = z.infer<typeof descriptor>;

/** The first thing that is wrong, with its place: `layers[3].size: expected number`. */
export const firstIssue = (error: z.ZodError): string => {
  const issue = error.issues[0];
  if (issue === undefined) return "unreadable";
  const place = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return `${place.replace(/^\./, "")}: ${issue.message}`;
};
