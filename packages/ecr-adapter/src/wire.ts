import * as z from "zod";

/** Documents of EventBridge and SQS, read loosely: an odd field counts as absent, unknown fields are left alone. */

const text = z.string().optional().catch(undefined);

/** Source: facts/ecr.md section 8. */
const event = z.looseObject({
  id: text,
  source: text,
  "detail-type": text,
  account: text,
  region: text,
  time: text,
  detail: z
    .looseObject({
      result: text,
      "repository-name": text,
      "image-digest": text,
      "action-type": text,
      "image-tag": text,
      "manifest-media-type": text,
      "artifact-media-type": text,
    })
    .optional()
    .catch(undefined),
});

export type EcrEvent = z.output<typeof event>;

/** Once, not for each body. */
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** The event in a body: `undefined` where there is no object. An SNS or SQS envelope is not looked into: the queue's reader does. */
export const readEvent = (body: Uint8Array): EcrEvent | undefined => {
  try {
    return event.safeParse(JSON.parse(UTF_8.decode(body))).data;
  } catch {
    return undefined;
  }
};
