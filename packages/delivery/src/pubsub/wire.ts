/** The messages of the bus. Fields that are not known are dropped, so that a newer side may add some; what lacks a field is refused. */
import { decodeEvent, encodeEvent, type OutcomeEvent, type WorkItem, type WorkPolicy } from "@drayage/domain";
import { parseDigest, parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import * as z from "zod";
import type { DeletePermit, Outcome, Sibling } from "../bus.ts";
import type { Answer, Question, Said, Say } from "./message.ts";

/** Of the form of messages. Another number is refused: its fields may mean something else. */
const VERSION = 1;

/** A string that one of the model's parsers accepts: names end in addresses. */
const parsed = <A extends string>(what: string, parse: (text: string) => A | undefined) =>
  z.string().transform((text, context): A => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `not a ${what}` });
    return z.NEVER;
  });
const repository = parsed("repository name", parseRepositoryName);
const tag = parsed("tag", parseTag);
const digest = parsed("digest", parseDigest);
const date = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const count = z.int().nonnegative();
const millis = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);
const delivery = z.string().regex(/^\d{1,18}$/);
const texts = z.array(z.string()).readonly();

const platform = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() });
/** Files are those of the replicator's machine, under the same paths. */
const signature = z.discriminatedUnion("_tag", [
  z.object({ _tag: z.literal("PublicKey"), files: texts }),
  z.object({
    _tag: z.literal("Keyless"),
    issuer: z.string(),
    identity: z.discriminatedUnion("_tag", [
      z.object({ _tag: z.literal("Exactly"), text: z.string() }),
      z.object({ _tag: z.literal("Matching"), pattern: z.string() }),
    ]),
    trustRoot: z.discriminatedUnion("_tag", [
      z.object({ _tag: z.literal("File"), file: z.string() }),
      z.object({ _tag: z.literal("Tuf"), mirror: z.string().optional(), root: z.string().optional() }),
    ]),
  }),
]);
const policy = z.object({
  name: z.string(),
  require: z.object({ signature }).optional(),
  bytesFrom: z
    .array(z.object({ registry: z.string(), repository }))
    .readonly()
    .optional(),
  platforms: z.object({ only: z.array(platform).readonly(), index: z.enum(["keep", "rewrite"]) }).optional(),
  foreignLayers: z.enum(["leave", "copy"]).optional(),
  referrers: z.union([
    z.enum(["all", "none"]),
    z.object({ artifactTypes: texts.optional(), most: z.int().nonnegative().optional() }),
  ]),
  overwrite: z.union([z.enum(["always", "never"]), z.object({ allow: texts })]),
  existing: z.enum(["adopt-equal", "overwrite", "report"]),
  deletes: z.discriminatedUnion("mode", [
    z.object({ mode: z.literal("ignore") }),
    z.object({ mode: z.literal("mirror"), confirmAfter: millis, protect: texts }),
  ]),
});
const sourceTag = z.object({ registry: z.string(), repository, tag });

const workItem = z.object({
  delivery,
  generation: count,
  target: z.string(),
  repository,
  tag,
  source: sourceTag,
  route: z.string(),
  claimed: count,
  depth: z.enum(["tag", "referrers", "deep"]),
  attempt: count,
  lastReason: z.string().optional(),
  owned: z.array(digest),
  lineage: z.array(z.object({ source: sourceTag, owned: z.array(digest) })).optional(),
  waitsFor: digest.optional(),
  absentSince: date.optional(),
  requestedAt: date,
  leaseUntil: date,
  policy: policy.optional(),
}) satisfies z.ZodType<WorkItem>;
/** What an item or a rule of its route says and the wire does not carry would silently not hold at replicators: then this does not compile. */
type Lacking =
  | Exclude<keyof WorkItem, keyof z.output<typeof workItem>>
  | Exclude<keyof WorkPolicy, keyof z.output<typeof policy>>;
const understood = (rules: WorkPolicy, ..._: [Lacking] extends [never] ? [] : [Lacking]): z.output<typeof policy> =>
  rules;
const work = z.object({ version: z.literal(VERSION), item: workItem });

const isOutcome = (event: { readonly _tag: string }): event is OutcomeEvent =>
  ["ReplicationSucceeded", "ReplicationSkipped", "ReplicationFailed", "ReplicationParked"].includes(event._tag);
/** The event of an outcome, by the rules of the log. */
const eventOf = <T extends OutcomeEvent["_tag"]>(tagOfEvent: T) =>
  z.object({ type: z.string(), data: z.unknown() }).transform((stored, context): Extract<OutcomeEvent, { _tag: T }> => {
    const event = decodeEvent(stored);
    if (isOutcome(event) && event._tag === tagOfEvent) return event as Extract<OutcomeEvent, { _tag: T }>;
    context.addIssue({ code: "custom", message: event._tag === "InvalidEvent" ? event.reason : `not a ${tagOfEvent}` });
    return z.NEVER;
  });
const outcome = z.discriminatedUnion("_tag", [
  z.object({
    _tag: z.literal("Succeeded"),
    event: eventOf("ReplicationSucceeded"),
    held: digest.nullable(),
    manifests: z.array(digest),
  }),
  z.object({ _tag: z.literal("Skipped"), event: eventOf("ReplicationSkipped") }),
  z.object({ _tag: z.literal("Failed"), event: eventOf("ReplicationFailed"), at: date }),
  z.object({ _tag: z.literal("Parked"), event: eventOf("ReplicationParked") }),
  z.object({
    _tag: z.literal("Waiting"),
    subject: digest,
    detail: z.string(),
    at: date,
    event: eventOf("ReplicationSkipped").optional(),
  }),
  z.object({ _tag: z.literal("Confirming"), absentSince: date, at: date }),
]) satisfies z.ZodType<Outcome>;

const say = z.discriminatedUnion("_tag", [
  z.object({ _tag: z.literal("Take"), worker: z.string().min(1).max(500), leaseMs: millis }),
  z.object({ _tag: z.literal("Extend"), leaseMs: millis }),
  z.object({ _tag: z.literal("Intend"), digest, neededMs: millis }),
  z.object({ _tag: z.literal("Report"), outcome }),
  z.object({ _tag: z.literal("Release"), at: date }),
  z.object({ _tag: z.literal("Permit"), tags: z.int().positive(), neededMs: millis }),
  z.object({ _tag: z.literal("Siblings"), digest }),
]) satisfies z.ZodType<Say>;
const question = z.object({
  version: z.literal(VERSION),
  id: z.string().min(1).max(200),
  from: z.string().min(1).max(200),
  delivery,
  generation: count,
  say,
});

const sibling = z
  .object({
    delivery,
    tag,
    sourceRegistry: z.string(),
    sourceRepository: repository,
    sourceTag: tag,
    absentSince: date.optional(),
  })
  .transform((one): Sibling => ({ ...one, absentSince: one.absentSince }));
const permit = z.discriminatedUnion("_tag", [
  z.object({ _tag: z.literal("Granted") }),
  z.object({ _tag: z.literal("Refused"), why: z.string() }),
  z.object({ _tag: z.literal("Off"), why: z.string() }),
]) satisfies z.ZodType<DeletePermit>;
const said = z.discriminatedUnion("_tag", [
  z.object({ _tag: z.literal("Done") }),
  z.object({ _tag: z.literal("Leased"), until: date }),
  z.object({ _tag: z.literal("Permit"), permit }),
  z.object({ _tag: z.literal("Siblings"), siblings: z.array(sibling) }),
  z.object({ _tag: z.literal("Lost") }),
]) satisfies z.ZodType<Said>;
const answer = z.object({ version: z.literal(VERSION), id: z.string(), said });

/** What a message says, or why it says nothing that we understand, in one line. */
export type Decoded<A> = { readonly value: A; readonly why?: never } | { readonly value?: never; readonly why: string };

const decoding =
  <A>(schema: z.ZodType<A>) =>
  (data: Uint8Array): Decoded<A> => {
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
    } catch (cause) {
      return { why: cause instanceof Error ? cause.message : String(cause) };
    }
    const result = schema.safeParse(json);
    if (result.success) return { value: result.data };
    return { why: result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ") };
  };
const bytes = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify({ version: VERSION, ...value }));

export const decodeWork: (data: Uint8Array) => Decoded<WorkItem> = decoding(
  work.transform(({ item }) => ({ ...item, absentSince: item.absentSince })),
);
export const encodeWork = ({ policy: rules, ...item }: WorkItem): Uint8Array =>
  bytes({ item: { ...item, policy: rules === undefined ? undefined : understood(rules) } });

export const decodeQuestion: (data: Uint8Array) => Decoded<Question> = decoding(question);
export const encodeQuestion = ({ say: it, ...rest }: Question): Uint8Array =>
  bytes({ ...rest, say: it._tag === "Report" ? { ...it, outcome: outcomeOut(it.outcome) } : it });

export const decodeAnswer: (data: Uint8Array) => Decoded<Answer> = decoding(answer);
export const encodeAnswer = (value: Answer): Uint8Array => bytes(value);

const outcomeOut = (value: Outcome): object => {
  if (value._tag === "Confirming" || value.event === undefined) return value;
  const { type, data } = encodeEvent(value.event);
  return { ...value, event: { type, data } };
};
