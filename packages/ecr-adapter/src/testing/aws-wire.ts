import * as z from "zod";

const imageId = z.object({ imageTag: z.string().optional(), imageDigest: z.string().optional() });
export type WireImageId = z.output<typeof imageId>;

/** What the calls that this ECR answers have in their bodies. */
const body = z.looseObject({
  name: z.string().optional(),
  repositoryName: z.string().optional(),
  repositoryNames: z.array(z.string()).optional(),
  lifecyclePolicyText: z.string().optional(),
  maxResults: z.int().positive().optional(),
  nextToken: z.string().optional(),
  filter: z.looseObject({ tagStatus: z.string().optional(), imageStatus: z.string().optional() }).optional(),
  imageIds: z.array(imageId).optional(),
  MaxNumberOfMessages: z.int().optional(),
  VisibilityTimeout: z.int().optional(),
  ReceiptHandle: z.string().optional(),
});
export type Body = z.output<typeof body>;

export const readRequest = (bytes: Uint8Array | undefined): Body | undefined => {
  try {
    return body.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
};

const index = z.looseObject({ manifests: z.array(z.looseObject({ digest: z.string() })).optional() });

/** Digests that an index lists. */
export const childrenOf = (bytes: Uint8Array | undefined): ReadonlyArray<string> => {
  try {
    return index.parse(JSON.parse(new TextDecoder().decode(bytes))).manifests?.map(({ digest }) => digest) ?? [];
  } catch {
    return [];
  }
};
