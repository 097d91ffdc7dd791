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
    pausedAt: Time.optional().meta({ description: "A person paused it then: no new work begins" }),
    backlog: z.int().meta({ description: "Deliveries that are pending or being worked on" }),
    leased: z.int(),
    failing: z.int(),
    backfill: z.int().meta({ description: "Of the backlog: what goes behind everything else. No lag" }),
    confirming: z.int().meta({ description: "Deletions that wait for their second proof of absence" }),
    unsigned: z.int().meta({ description: "Deliveries that wait for a signature that their route asks for" }),
    parked: z.int().meta({ description: "Deliveries that wait for a person" }),
    owned: z.int().meta({ description: "Tags that we put there or adopted" }),
    lagSeconds: z.number().meta({ description: "Age of the oldest pending request; 0 without one" }),
    lastSuccessAt: Time.optional(),
    reconciledAt: Time.optional().meta({
      description: "End of the last reconciliation of the whole target as it is routed now, complete or not",
    }),
    reconciledCompletelyAt: Time.optional().meta({
      description: "End of the last one that could read everything of this target",
    }),
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
    waitsFor: z
      .object({ for: z.literal("signature"), subject: z.string(), detail: z.string(), since: Time })
      .optional()
      .meta({ description: "What it waits for before it is copied, although nothing failed" }),
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

/** Far above every name that a registry allows (255 characters), and no room for mischief. */
const TEXT_CHARACTERS_MAX = 512;
/** A text of a query. PostgreSQL stores no U+0000, and no name of ours has a control character. */
const Text = z
  .string()
  .min(1)
  .max(TEXT_CHARACTERS_MAX)
  .refine((text) => !/\p{Cc}/u.test(text) && text.isWellFormed(), "must not contain control characters");

/** `Number()` would also take "", " 1", "0x10" and "1e3". 15 digits are exact. */
const WholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "must be a whole number")
  .transform(Number);

/** Rows of one answer; more come by paging. */
export const PAGE_MOST = 1000;
const PAGE_DEFAULT = 100;
const Limit = WholeNumber.pipe(z.int().min(1).max(PAGE_MOST))
  .default(PAGE_DEFAULT)
  .openapi({ type: "integer", minimum: 1, maximum: PAGE_MOST, default: PAGE_DEFAULT });
const Position = WholeNumber.openapi({ type: "integer", minimum: 0 });

export const DeliveryQuery = z.object({
  target: Text.optional(),
  state: z.enum(["idle", "pending", "leased", "parked"]).optional(),
  waitsFor: z
    .enum(["signature"])
    .optional()
    .openapi({ description: "Only those that wait for this before they are copied" }),
  repository: Text.optional().openapi({ description: "Repository at the target" }),
  tag: Text.optional(),
  after: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional()
    .openapi({ description: "`next` of the page before" }),
  limit: Limit,
});

const Types = Text.optional().openapi({
  description: "CloudEvents types, or their short names (`ImagePushed`), separated by commas",
});

export const EventQuery = z.object({
  after: Position.optional().openapi({
    type: "integer",
    minimum: 0,
    description: "Position; without it the newest events are given",
  }),
  since: z.iso
    .datetime({ offset: true })
    // The log is younger, and the database knows no year 0.
    .refine((text) => Date.parse(text) >= 0, "must be a time after 1970")
    .optional()
    .openapi({ description: "Recorded at or after this time; `after` goes before it" }),
  type: Types,
  limit: Limit,
});

export const StreamQuery = z.object({
  after: Position.optional().openapi({
    type: "integer",
    minimum: 0,
    description: "Position; without it only what is appended from now on is sent",
  }),
  type: Types,
});
export const StreamHeaders = z.object({
  "last-event-id": Position.optional().openapi({
    type: "integer",
    minimum: 0,
    description: "Position; sent by a browser that connects again, and goes before `after`",
  }),
});

export const ImageQuery = z.object({
  repository: Text.openapi({ description: "Repository at the source or at a target" }),
  tag: Text.optional(),
});

export const DeliveryPage = z
  .object({ deliveries: z.array(Delivery), next: z.string().optional() })
  .meta({ id: "DeliveryPage" });
export const EventPage = z
  .object({ events: z.array(Event), head: z.int().meta({ description: "Position of the newest event in the log" }) })
  .meta({ id: "EventPage" });
export const TargetList = z.object({ targets: z.array(Target) }).meta({ id: "TargetList" });
export const Rescan = z
  .object({
    registry: z.string(),
    repository: z.string(),
    reason: z.string(),
    requestedAt: Time,
    leased: z.boolean().meta({ description: "A reconciler is at it" }),
  })
  .meta({ id: "Rescan" });
export const RescanList = z.object({ rescans: z.array(Rescan) }).meta({ id: "RescanList" });
export const ImageList = z.object({ deliveries: z.array(Delivery) }).meta({ id: "ImageList" });

/** A reason of a person, kept in the log: a sentence or two. */
const WHY_CHARACTERS_MAX = 1_000;
const Why = z
  .string()
  .min(1)
  .max(WHY_CHARACTERS_MAX)
  .refine((text) => !/\p{Cc}/u.test(text) && text.isWellFormed(), "must not contain control characters")
  .optional()
  .openapi({ description: "Kept in the log" });
/** Ids named in one request; more are a target. */
const IDS_MOST = 1000;
const Ids = z
  .array(z.string().regex(/^\d{1,18}$/, "must be the number of a delivery"))
  .min(1)
  .max(IDS_MOST);

export const TargetParam = z.object({
  target: Text.openapi({ param: { name: "target", in: "path" }, description: "Registry name of the target" }),
});
export const WhyBody = z.strictObject({ why: Why });
export const RetryBody = z.strictObject({ target: Text.optional(), deliveries: Ids.optional(), why: Why });
export const DiscardBody = RetryBody.refine(
  ({ target, deliveries }) => target !== undefined || deliveries !== undefined,
  "name deliveries, or a target",
);
export const ReplayBody = z
  .strictObject({
    target: Text,
    after: z.int().min(0).optional().openapi({ description: "Log position" }),
    since: z.iso
      .datetime({ offset: true })
      .refine((text) => Date.parse(text) >= 0, "must be a time after 1970")
      .optional()
      .openapi({ description: "What was recorded from this time on" }),
    depth: z
      .enum(["tag", "referrers", "deep"])
      .default("tag")
      .openapi({ description: "`tag` may end with equal digests, `deep` walks children and blobs" }),
    why: Why,
  })
  .refine(({ after, since }) => (after === undefined) !== (since === undefined), "give one of after and since");
export const Paused = z
  .object({ target: z.string(), paused: z.boolean(), changed: z.boolean() })
  .meta({ id: "Paused" });
export const ParkedChange = z
  .object({
    deliveries: z.array(
      z.object({ delivery: z.string(), target: z.string(), repository: z.string(), tag: z.string() }),
    ),
  })
  .meta({ id: "ParkedChange" });
export const ReplayAnswer = z
  .object({ target: z.string(), after: z.int().meta({ description: "Log position" }) })
  .meta({ id: "ReplayAnswer" });

export type TargetBody = z.infer<typeof Target>;
export type DeliveryBody = z.infer<typeof Delivery>;
export type EventBody = z.infer<typeof Event>;
export type RescanBody = z.infer<typeof Rescan>;
