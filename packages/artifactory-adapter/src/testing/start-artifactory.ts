import {
  type Exchange,
  type RegistryChange,
  type StrictRegistry,
  startStrictRegistry,
} from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { makeDoorkeeper, type TestAccess, type TestUser } from "./access.ts";
import { addressOf } from "./address.ts";
import { type Content, split } from "./content.ts";
import { makeKeys, type TestKey } from "./keys.ts";
import { type Promoted, promote, removeTag } from "./promote.ts";
import { makeRegistryApi } from "./registry.ts";
import { makeRest } from "./rest.ts";
import { makeSubscriptions, type Subscription, selects } from "./subscriptions.ts";
import { bodyOf, type Delivery, type Happened, makeSender } from "./webhooks.ts";

/** How it begins; everything is optional. */
export interface ArtifactoryPersonality {
  /** Repository keys. Default: `docker-local`, a local one. */
  readonly keys?: Readonly<Record<string, TestKey>> | undefined;
  /** Default: one, `sync` with the password `artifactory-password`. */
  readonly users?: ReadonlyArray<TestUser> | undefined;
  /** Seconds that a token of the token endpoint lives. Default 9000. */
  readonly tokenSeconds?: number | undefined;
  /** Whether the registry API deletes tags. Default true; false is an old version, which takes digests alone. */
  readonly tagDeletion?: boolean | undefined;
  /** Whether `Link` lacks the repository key (RTFACT-18971). Default true. */
  readonly linkLacksKey?: boolean | undefined;
  /** Whether AQL may be used, or answers 403. Default true. */
  readonly search?: boolean | undefined;
  /** Rows after which AQL cuts its answer. Default 500 000, as the cloud. */
  readonly searchRowsMax?: number | undefined;
  /** What the user may not see, as `<stored key>/<image>/<tag>`: missing in lists without a word, 403 when asked for. Default: nothing. */
  readonly hidden?: RegExp | undefined;
  /** Whether the referrers API is switched on. Default true. */
  readonly referrers?: boolean | undefined;
  /** What else a promotion tells. `nothing`, `both`: also `pushed` at the target and, when it moves, `deleted` at the source. No facts exist. Default `nothing`. */
  readonly promotionTells?: "nothing" | "both" | undefined;
  /** Whether blobs are redirected to a storage host that refuses credentials. Default false. */
  readonly redirectBlobs?: boolean | undefined;
  /** `jpd_origin`. Default: another host than this one. */
  readonly origin?: string | undefined;
  readonly subscriptions?: ReadonlyArray<Subscription> | undefined;
  readonly port?: number | undefined;
}

/** A running Artifactory. Names of the registry are `<stored key>/<image>`: of a remote key `<key>-cache/<image>`. */
export interface Artifactory {
  readonly registry: StrictRegistry;
  readonly user: TestUser;
  /** `Authorization` of the user. */
  readonly authorization: string;
  readonly accessToken: string;
  readonly apiKey: string;
  /** Adds or replaces a webhook subscription. */
  readonly subscribe: (subscription: Subscription) => void;
  readonly subscriptions: () => ReadonlyArray<Subscription>;
  /** Webhooks that were answered or given up so far. */
  readonly deliveries: () => ReadonlyArray<Delivery>;
  /** Waits until no webhook is under way. */
  readonly told: Effect.Effect<void>;
  /** Makes tokens of the token endpoint invalid. */
  readonly revokeTokens: () => void;
  /** From now on AQL may be used, or answers 403. */
  readonly allowSearch: (allowed: boolean) => void;
}

const USER: TestUser = { name: "sync", password: "artifactory-password" };
const ACCESS = { accessToken: "eyJ2ZXIiOiIyIn0.access.token", apiKey: "AKCp8test", tokenSeconds: 9000 };
const SEARCH_ROWS_MAX = 500_000;
const VERSION = "7.161.20";

/**
 * Artifactory as far as clients of images can tell: every form of address but ports, all kinds of credentials, keys of every kind, both shapes of errors, AQL,
 * promotion, the Event API and signed webhooks. Source: facts/artifactory.md.
 */
export const startArtifactory = (
  options: ArtifactoryPersonality = {},
): Effect.Effect<Artifactory, never, Scope.Scope> =>
  Effect.gen(function* () {
    const keys = makeKeys(new Map(Object.entries(options.keys ?? { "docker-local": { kind: "local" } })));
    const users = options.users ?? [USER];
    const access: TestAccess = { ...ACCESS, users, tokenSeconds: options.tokenSeconds ?? ACCESS.tokenSeconds };
    const door = makeDoorkeeper(access);
    const subscriptions = makeSubscriptions(options.subscriptions ?? []);
    const sender = yield* Effect.acquireRelease(Effect.sync(makeSender), (one) => Effect.promise(one.close));
    const written = new Map<string, { readonly at: Date; readonly by: string }>();
    const held: { content?: Content } = {};
    const content = (): Content => {
      if (held.content === undefined) throw new Error("the registry has not started");
      return held.content;
    };
    let maySearch = options.search ?? true;
    const hidden = (name: string, reference: string): boolean => options.hidden?.test(`${name}/${reference}`) ?? false;
    const note = (name: string, reference: string, by: string): void => {
      const [key, image] = split(name);
      written.set(`${key}:${image}/${reference}`, { at: new Date(), by });
    };

    const tell = (happened: Happened): void => {
      const [key, image] = split(happened.name);
      const kind = keys.all.get(key)?.kind ?? "remote";
      const { domain, event } = happened;
      for (const one of subscriptions.all()) {
        const path = `${image}/${happened.reference}/manifest.json`;
        if (!selects(one, { domain, event, key, kind, path })) continue;
        sender.offer(one, bodyOf(happened, one.key, { origin: options.origin ?? "https://acme.jfrog.example" }));
      }
    };
    /** A file that came or went tells in both domains. */
    const tellBoth = (event: "pushed" | "deleted", rest: Omit<Happened, "domain" | "event">): void => {
      tell({ ...rest, domain: "docker", event });
      tell({ ...rest, domain: "artifact", event: event === "pushed" ? "deployed" : "deleted" });
    };

    const promoted = (exchange: Exchange, { from, tag, to, digest, isMove }: Promoted): void => {
      const user = door.userOf(exchange);
      const manifest = content().manifest(to.name, digest);
      if (manifest === undefined) return;
      note(to.name, to.tag, user);
      tell({ domain: "docker", event: "promoted", name: from, reference: tag, manifest, user, to });
      tell({
        domain: "artifact",
        event: isMove ? "moved" : "copied",
        name: from,
        reference: tag,
        manifest,
        user,
        toPath: to.key,
      });
      if (options.promotionTells !== "both") return;
      tellBoth("pushed", { name: to.name, reference: to.tag, manifest, user });
      if (isMove) tellBoth("deleted", { name: from, reference: tag, manifest, user });
    };

    const rest = makeRest({
      keys,
      content,
      version: VERSION,
      maysearch: () => maySearch,
      limits: {
        rowsMax: options.searchRowsMax ?? SEARCH_ROWS_MAX,
        hidden: ({ repo, path }) => hidden(repo, path),
      },
      written: (repo, path) => written.get(`${repo}:${path}`) ?? { at: new Date(0), by: "admin" },
      promote: (exchange, key, body) => promote(content(), keys, key, body, (one) => promoted(exchange, one)),
      removeTag: (exchange, name, tag) => {
        const manifest = content().manifest(name, tag);
        removeTag(content(), name, tag);
        if (manifest !== undefined)
          tellBoth("deleted", { name, reference: tag, manifest, user: door.userOf(exchange) });
      },
    });
    const registryApi = makeRegistryApi({
      keys,
      content,
      tagDeletion: options.tagDeletion ?? true,
      linkLacksKey: options.linkLacksKey ?? true,
      hidden,
      writtenAt: (name, tag) => {
        const [key, image] = split(name);
        return written.get(`${key}:${image}/${tag}`)?.at.getTime() ?? 0;
      },
    });

    const registry: StrictRegistry = yield* startStrictRegistry({
      port: options.port,
      locations: "relative",
      mount: "refused",
      referrers: options.referrers === false ? "none" : "api",
      redirectBlobs: options.redirectBlobs ?? false,
      around: async (exchange, next) => {
        const addressed = addressOf(keys, exchange.url);
        if (addressed?.rest === "token" || exchange.url.pathname === "/v2/token") return door.issue(exchange);
        const refused = door.refuse(exchange, addressed?.tokenPath);
        if (refused !== undefined) return refused;
        if (addressed !== undefined) return registryApi(exchange, addressed, next);
        const answered = (await subscriptions.answer(exchange)) ?? (await rest(exchange));
        // The platform's router, for what is no path of any service.
        return (
          answered ?? {
            status: 404,
            headers: { "Content-Type": "text/plain" },
            body: Buffer.from("404 page not found\n"),
          }
        );
      },
    });
    held.content = registry;
    /** What each tag and digest named when it was last written: a deletion is told when it has gone. */
    const known = new Map<string, Happened["manifest"]>();
    const pushed = (name: string, reference: string, user: string): void => {
      const manifest = registry.manifest(name, reference);
      if (manifest === undefined) return;
      known.set(`${name}@${reference}`, manifest);
      note(name, reference, user);
      tellBoth("pushed", { name, reference, manifest, user });
    };
    /** A digest takes its tags along. */
    const deleted = (name: string, reference: string, user: string): void => {
      const tags = [...known].flatMap(([at, manifest]) =>
        at.startsWith(`${name}@`) && manifest.digest === reference ? [at.slice(name.length + 1)] : [],
      );
      for (const one of new Set([reference, ...tags])) {
        const manifest = known.get(`${name}@${one}`);
        if (manifest !== undefined) tellBoth("deleted", { name, reference: one, manifest, user });
        known.delete(`${name}@${one}`);
      }
    };
    registry.onChange(({ action, what, repository, tag, digest, by }: RegistryChange) => {
      const reference = tag ?? digest;
      if (what === "blob" || reference === undefined) return;
      if (action === "push") pushed(repository, reference, door.userOf(by));
      if (action === "delete") deleted(repository, reference, door.userOf(by));
    });
    const [user = USER] = users;
    return {
      registry,
      user,
      authorization: `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`,
      accessToken: access.accessToken,
      apiKey: access.apiKey,
      subscribe: subscriptions.put,
      subscriptions: subscriptions.all,
      deliveries: sender.deliveries,
      told: Effect.promise(sender.idle),
      revokeTokens: door.revoke,
      allowSearch: (allowed) => {
        maySearch = allowed;
      },
    };
  });
