import { z } from "@hono/zod-openapi";

/** The shapes of the admin API, version 1: what is documented at /openapi.json is what is sent. */

const Time = z.iso.datetime().meta({ description: "RFC 3339, UTC" });

export const Problem = z
  .object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string().optional() })
  .meta({ id: "Problem", description: "RFC 9457" });

export const Target = z
  .object({
    name: z.string(),
    state: z
      .enum(["level", "behind", "unknown"])
      .meta({ description: "`unknown` where nobody can say: never green by lack of news" }),
    reasons: z.array(z.string()),
    backlog: z.int().meta({ description: "Deliveries that are pending or being worked on" }),
    leased: z.int(),
    failing: z.int(),
    confirming: z.int().meta({ description: "Deletions that wait for their second proof of absence" }),
    parked: z.int().meta({ description: "Deliveries that wait for a person" }),
    owned: z.int().meta({ description: "Tags that we put there or adopted" }),
    lagSeconds: z.number().meta({ description: "Age of the oldest pending request; 0 without one" }),
    lastSuccessAt: Time.optional(),
    reconciledAt: Time.optional().meta({ description: "End of the last reconciliation of everything" }),
  })
  .meta({ id: "Target" });

const Source = z.object({ registry: z.string(), repository: z.string(), tag: z.string() });

export const Delivery = z
  .object({
    delivery: z.string(),
    target: z.string(),
    repository: z.string(),
    tag: z.string(),
    source: Source,
    route: z.string(),
    state: z.enum(["idle", "pending", "leased", "parked"]),
    requested: z.int().meta({ description: "Log position that this delivery was last asked for" }),
    done: z.int().meta({ description: "Log position up to which it is done" }),
    attempts: z.int(),
    priority: z.int(),
    dueAt: Time.optional(),
    requestedAt: Time.optional(),
    leaseOwner: z.string().optional(),
    leaseUntil: Time.optional(),
    held: z.string().optional().meta({ description: "Digest that we put or adopted there" }),
    heldAt: Time.optional(),
    absentSince: Time.optional(),
    parkedAt: Time.optional(),
    lastSuccessAt: Time.optional(),
    lastError: z.unknown().optional(),
    rival: z.unknown().optional(),
  })
  .meta({ id: "Delivery" });

export const Event = z
  .object({
    specversion: z.literal("1.0"),
    id: z.string(),
    source: z.string(),
    type: z.string(),
    subject: z.string().optional(),
    time: Time,
    datacontenttype: z.literal("application/json"),
    data: z.record(z.string(), z.unknown()),
    position: z.int(),
    recordedat: Time,
    actor: z.string().optional(),
    causationid: z.string().optional(),
    correlationid: z.string().optional(),
    traceparent: z.string().optional(),
  })
  .meta({ id: "Event", description: "CloudEvents 1.0 with our extensions" });

const limit = (most: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .max(most)
    .default(100)
    .openapi({ type: "integer", minimum: 1, maximum: most, default: 100 });

/** Rows of one answer; more come by paging. */
export const PAGE_MOST = 1000;

export const DeliveryQuery = z.object({
  target: z.string().optional(),
  state: z.enum(["idle", "pending", "leased", "parked"]).optional(),
  repository: z.string().optional().openapi({ description: "Repository at the target" }),
  tag: z.string().optional(),
  after: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional()
    .openapi({ description: "`next` of the page before" }),
  limit: limit(PAGE_MOST),
});

export const EventQuery = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .openapi({ type: "integer", description: "Position; without it the newest events are given" }),
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .openapi({ description: "Recorded at or after this time; `after` goes before it" }),
  type: z.string().optional().openapi({ description: "CloudEvents types, separated by commas" }),
  limit: limit(PAGE_MOST),
});

export const ImageQuery = z.object({
  repository: z.string().openapi({ description: "Repository at the source or at a target" }),
  tag: z.string().optional(),
});

export const DeliveryPage = z
  .object({ deliveries: z.array(Delivery), next: z.string().optional() })
  .meta({ id: "DeliveryPage" });
export const EventPage = z
  .object({ events: z.array(Event), head: z.int().meta({ description: "Position of the newest event in the log" }) })
  .meta({ id: "EventPage" });
export const TargetList = z.object({ targets: z.array(Target) }).meta({ id: "TargetList" });
export const ImageList = z.object({ deliveries: z.array(Delivery) }).meta({ id: "ImageList" });

export type TargetBody = z.infer<typeof Target>;
export type DeliveryBody = z.infer<typeof Delivery>;
export type EventBody = z.infer<typeof Event>;
