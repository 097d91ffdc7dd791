import * as z from "zod";

/** Bodies of CNCF distribution notifications, read loosely: an odd field counts as absent, unknown fields are left alone. */

const text = z.string().optional().catch(undefined);

/** Source: distribution/distribution `notifications/event.go` at v2.8.2 and v3.1.1. */
const event = z.looseObject({
  id: text,
  timestamp: text,
  action: text,
  target: z.looseObject({ mediaType: text, digest: text, repository: text, tag: text }).optional().catch(undefined),
  actor: z.looseObject({ name: text }).optional().catch(undefined),
});

export type DistributionEvent = z.output<typeof event>;

const envelope = z.looseObject({ events: z.array(z.unknown()) });

/** The events of a body as they came, or why the body is no envelope. */
export const readEnvelope = (body: Uint8Array): ReadonlyArray<unknown> | string => {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return "the body is no JSON";
  }
  const wire = envelope.safeParse(document);
  return wire.success
    ? wire.data.events
    : "events: there is no such list; distribution sends one at the top of the body";
};

export const readEvent = (value: unknown): DistributionEvent | undefined => event.safeParse(value).data;
