/**
 * The form of drayage.yaml (DESIGN.md section 4.1): every key with its sentence, its default and its check. The only file that knows zod.
 * Keys that this version lacks are in `unavailable.ts`; what goes over several keys is in `semantics.ts`.
 */
import { Cron } from "croner";
import * as z from "zod";
import { contentKeys } from "./content.ts";
import { registrySchema } from "./registry/registry.ts";
import { checked, duration, matching, name } from "./text.ts";

const cron = checked(readCron, "not a cron expression", 'Write five fields, e.g. "0 3 * * *", or "off"');
function readCron(text: string): { readonly cron: string | undefined } | undefined {
  if (text === "off") return { cron: undefined };
  try {
    new Cron(text, { paused: true }).stop();
    return { cron: text };
  } catch {
    return undefined;
  }
}

const PORT_MAX = 65_535;
/** Also as text, so that `${env:PORT}` can be written. */
const port = z.union([
  z.int().min(0).max(PORT_MAX),
  checked(
    (text) => (/^\d{1,5}$/.test(text) && Number(text) <= PORT_MAX ? Number(text) : undefined),
    "not a port",
    `Use a number from 0 to ${PORT_MAX}`,
  ),
]);
const host = matching(/^[^\s/@]+$/, "not a host", 'Write an address or a name, e.g. "127.0.0.1"');
const listen = (defaultPort: number) =>
  z
    .strictObject({
      host: host
        .prefault("127.0.0.1")
        .describe("Address to listen on. Loopback by default, so that nothing is open by accident."),
      port: port.prefault(defaultPort).describe("Port. 0 takes any free one."),
    })
    .prefault({});

const glob = z.string().min(1);
const tags = z.union([
  z.array(glob).min(1),
  z.strictObject({
    semver: z
      .string()
      .min(1)
      .describe(
        "A semver range. Tags that are whole versions match, with or without `v`; prereleases only where the range names one.",
      ),
  }),
  z.strictObject({ regex: z.string().min(1).describe("A regular expression that matches the whole tag.") }),
]);
const select = z
  .strictObject({
    repositories: z
      .array(glob)
      .min(1)
      .prefault(["**"])
      .describe(
        "Globs over the source repository name: `*` within a segment, `**` across, `!` excludes. Only exclusions: everything else.",
      ),
    tags: tags
      .prefault(["*"])
      .describe("Globs over the tag (`!` excludes), or `{ semver: RANGE }`, or `{ regex: PATTERN }`."),
  })
  .prefault({});

/** A blob that none of them holds costs a request at each. */
const BYTES_FROM_MAX = 8;
const target = z.strictObject({
  registry: name.describe("A registry of `registries`."),
  repository: z
    .string()
    .min(1)
    .prefault("{repository}")
    .describe("Template of the name at the target, see placeholders."),
  tag: z.string().min(1).prefault("{tag}").describe("Template of the tag at the target."),
  bytesFrom: z
    .array(name)
    .min(1)
    .max(BYTES_FROM_MAX)
    .optional()
    .describe(
      "Other targets of the same source, the nearest first: blobs are read there by digest where they hold them. What none of them gives comes from the source, which may stand at the end, as manifests always do. Default: all from the source.",
    ),
});

const deletes = z.union([
  z.literal("ignore"),
  z.strictObject({ mode: z.literal("ignore").describe("The same as the word alone.") }),
  z.strictObject({
    mode: z
      .literal("mirror")
      .describe(
        "Delete at the target what is proven absent at the source. Cannot be undone once the registry has collected the content.",
      ),
    confirmAfter: duration.prefault("10m").describe("The proof of absence has to hold again after this time."),
    protect: z.array(glob).prefault([]).describe("Globs of tags that are never deleted."),
  }),
]);

/** One route; included files hold a list of these. */
export const routeSchema = z.strictObject({
  name: name
    .optional()
    .describe("Shown everywhere, unique. Default: `<from>-to-<target>`, with further targets after a hyphen."),
  from: name.describe("The registry that is the source, a name of `registries`."),
  select: select.describe(
    "What is taken. Digest tags (signatures, fallback tags) always go with their image, never by themselves.",
  ),
  to: z.array(target).min(1).describe("Where it goes."),
  ...contentKeys,
  overwrite: z
    .union([z.boolean(), z.strictObject({ allow: z.array(glob).min(1).describe("Globs of tags that may move.") })])
    .prefault(true)
    .describe(
      "Whether a tag that we put may move to another digest. A refused change is a conflict: parked, reported.",
    ),
  keepPrevious: z.literal(0).prefault(0).describe("Revisions of an overwritten tag that are kept."),
  existing: z
    .enum(["adopt-equal", "overwrite", "report"])
    .prefault("adopt-equal")
    .describe(
      "A tag at the target that we did not put there: `adopt-equal` takes an equal digest as ours and parks another as a conflict, `overwrite` replaces it, `report` leaves it alone.",
    ),
  deletes: deletes
    .prefault("ignore")
    .describe("What a deletion at the source means: `ignore` (reported) or `{ mode: mirror }`."),
  priority: z
    .enum(["low", "normal", "high"])
    .prefault("normal")
    .describe("Which deliveries go first when there is a queue."),
});

const most = (value: number, what: string) => z.int().min(0).prefault(value).describe(what);
const WITHIN = "Time over which deletions are counted.";
const guard = z
  .strictObject({
    perRepository: z
      .strictObject({
        most: most(20, "Deletions in one repository of a target."),
        within: duration.prefault("1h").describe(WITHIN),
      })
      .prefault({})
      .describe("For each repository of a target."),
    perTarget: z
      .strictObject({
        most: most(200, "Deletions at one target."),
        within: duration.prefault("1h").describe(WITHIN),
        fraction: z
          .number()
          .min(0)
          .max(1)
          .prefault(0.05)
          .describe("Part of the tags we own at the target that may go within that time; five may always go."),
      })
      .prefault({})
      .describe("For each target."),
    wholeRepository: z
      .literal("approve")
      .prefault("approve")
      .describe("A source repository that vanishes as a whole waits for a person."),
  })
  .prefault({});

const bus = z.union([
  z.literal("database").describe("Replicators use the database."),
  z.strictObject({
    pubsub: z
      .strictObject({
        project: z
          .string()
          .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "the id of a project, e.g. acme-ops")
          .describe("The id of the Google Cloud project that holds the topics; `dray bus apply` makes them."),
        topicPrefix: z
          .string()
          .regex(/^(?!goog)[A-Za-z][A-Za-z0-9-]{0,62}$/, "a letter, then letters, digits and hyphens, and not goog")
          .prefault("drayage")
          .describe("First part of the names of topics and subscriptions. Each installation has its own."),
        endpoint: z
          .string()
          .regex(/^[A-Za-z0-9.-]+(?::\d{1,5})?$/, "a host, e.g. europe-west4-pubsub.googleapis.com")
          .optional()
          .describe("Host of the Pub/Sub service, to stay in one region. Default: the one that Google chooses."),
      })
      .describe("Replicators need no database: Google Pub/Sub carries work to them, and what they say back."),
  }),
]);

/** The top level without its routes, which are read one by one, so that a mistake in one hides none in another. */
const head = {
  version: z.literal(1).prefault(1).describe("Version of this format."),
  instance: name
    .prefault("default")
    .describe("Name of this installation. The database remembers it; another instance's database is refused."),
  database: matching(
    /^(?:embedded|postgres(?:ql)?:\/\/\S+)$/,
    "not a database",
    "Use `embedded`, or a URL postgres://…",
  )
    .prefault("embedded")
    .describe("`embedded` runs a PostgreSQL server of our own; else the URL of a server, version 15 or newer."),
  dataDir: z
    .string()
    .min(1)
    .prefault("./.drayage")
    .describe("Directory of the embedded database, relative to this file."),
  bus: bus.prefault("database").describe("How work reaches the replicators."),
  include: z
    .union([z.string().min(1), z.array(z.string().min(1))])
    .prefault([])
    .describe("Files or globs, relative to this file. Each holds `routes` and nothing else."),
  http: z
    .strictObject({
      ingest: listen(8080).describe("Where notifications come in."),
      admin: listen(8081).describe("API, dashboard and metrics."),
    })
    .prefault({})
    .describe("Where we listen."),
  registries: z.record(name, registrySchema).describe("Registries by name; each can be source, target or both."),
  guard: guard.describe(
    "Limits on deletions, counted over all workers and every cause. At a limit a deletion is parked.",
  ),
  reconcile: z
    .strictObject({
      changed: cron
        .prefault("*/10 * * * *")
        .describe("When to compare repositories that moved since the last run (cron, or `off`)."),
      full: cron.prefault("0 3 * * *").describe("When to compare everything (cron, or `off`)."),
    })
    .prefault({})
    .describe("When both sides are compared in full, which repairs what notifications missed."),
  retention: z
    .strictObject({
      events: duration
        .optional()
        .describe(
          "How long events are kept, default for ever. Older ones go to compressed JSON lines in `<dataDir>/archive` of the dispatcher, a million positions at a time.",
        ),
      raw: duration.prefault("30d").describe("How long raw notifications are kept."),
    })
    .prefault({})
    .describe("How long things are kept."),
  admin: z
    .strictObject({
      tokens: z
        .array(
          z.strictObject({
            name: name.describe("Who it is; named in the log as the actor."),
            role: z
              .enum(["viewer", "operator", "admin"])
              .describe("`viewer` reads, `operator` acts, `admin` configures."),
            hash: matching(
              /^sha256:[a-f0-9]{64}$/,
              "not a hash",
              "Write sha256: and the 64 hex digits of the token's sha-256",
            ).describe("`sha256:` and the hex digits of the token's sha-256."),
          }),
        )
        .prefault([])
        .describe("Who may use the API. Without any, admin listens on loopback only."),
    })
    .prefault({})
    .describe("Access to the admin API."),
};

/** The main file with its routes still unread. */
export const headSchema = z.strictObject({ ...head, routes: z.array(z.unknown()).prefault([]) });
/** The main file as a whole: for the JSON Schema and the reference. */
export const documentSchema = z.strictObject({
  ...head,
  routes: z.array(routeSchema).prefault([]).describe("What goes where. Also from `include`."),
});
/** An included file with its routes still unread. */
export const includedSchema = z.strictObject({ routes: z.array(z.unknown()) });

export type WireHead = z.infer<typeof headSchema>;
export type WireRoute = z.infer<typeof routeSchema>;

/** The JSON Schema (draft 2020-12) of the file as people write it. */
export const documentJsonSchema = (): unknown => z.toJSONSchema(documentSchema, { io: "input", reused: "inline" });

export type Parsed<A> =
  | { readonly _tag: "Ok"; readonly value: A }
  | { readonly _tag: "Issues"; readonly issues: ReadonlyArray<z.core.$ZodIssue> };

const parseWith =
  <A>(schema: z.ZodType<A>) =>
  (value: unknown): Parsed<A> => {
    const result = schema.safeParse(value);
    return result.success ? { _tag: "Ok", value: result.data } : { _tag: "Issues", issues: result.error.issues };
  };
export const parseHead = parseWith<WireHead>(headSchema);
export const parseIncluded = parseWith(includedSchema);
export const parseRoute = parseWith<WireRoute>(routeSchema);
export type WireIssue = z.core.$ZodIssue;
