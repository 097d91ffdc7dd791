import type { ServerResponse } from "node:http";
import type { Config } from "@drayage/config";
import { type Database, EventLog, newEventId } from "@drayage/event-log";
import { notificationReaderOf } from "@drayage/registries";
import {
  answerJson,
  type HttpServer,
  httpServer,
  type ListenFailed,
  metrics,
  problem,
  type Readiness,
} from "@drayage/runtime";
import * as Effect from "effect/Effect";
import * as LogLevel from "effect/LogLevel";
import * as References from "effect/References";
import type * as Scope from "effect/Scope";
import { bodyBudget } from "./body-budget.ts";
import { listenToRegistries } from "./listen.ts";
import { rarely } from "./rarely.ts";
import { type Receiver, receive } from "./receive.ts";
import { problemOf, REFUSALS } from "./refusal.ts";
import type { AppendResult, Received } from "./take.ts";

export interface IngestOptions {
  readonly config: Pick<Config, "http" | "registries">;
  /**
   * Called when news of a registry may be lost (what was refused, what could not be read), at most once in ten minutes for each registry: the
   * place to ask for its reconciliation. `why` is one line.
   */
  readonly onNewsLost?: ((registry: string, why: string) => Effect.Effect<void>) | undefined;
  /** How long a sender may take for a body, default 10 s. */
  readonly bodyTimeoutMs?: number | undefined;
}

/** DESIGN.md 4.3: a sender with a wrong secret must not keep the reconciler busy. */
const RECONCILIATION_EVERY_MS = 10 * 60_000;
/** One line a minute for each registry and reason; the next one says how many there were between. */
const LOG_EVERY_MS = 60_000;

/**
 * Notifications in, facts out: `POST /notifications/{registry}`, answered with 202 after the append is durable (invariant 1), until the scope
 * closes. All registries share the port. What registries do not post is listened to beside it: subscriptions, queues, polling.
 */
export const ingest = (
  options: IngestOptions,
): Effect.Effect<HttpServer, ListenFailed, Scope.Scope | EventLog | Database> =>
  Effect.gen(function* () {
    const log = yield* EventLog;
    const run = Effect.runPromiseWith(yield* Effect.context<never>());
    const append: Receiver["append"] = (events, raw) =>
      new Promise((resolve) => {
        log.submit(events, { raw }, (answer) => {
          const result = resultOf(answer);
          if (result._tag === "Unavailable") {
            void run(Effect.logWarning("a notification was not stored", { registry: raw?.registry, why: result.why }));
          }
          resolve(result);
        });
      });
    const receiver: Receiver = {
      readers: new Map(
        Object.entries(options.config.registries).map(([name, registry]) => [name, notificationReaderOf(registry)]),
      ),
      append,
      newId: newEventId,
      now: Date.now,
      budget: bodyBudget(),
      bodyTimeoutMs: options.bodyTimeoutMs,
    };
    const tells = yield* References.MinimumLogLevel;
    const tell = reporter(options, receiver.now, LogLevel.isLessThanOrEqualTo(tells, "Debug"));
    yield* listenToRegistries({ config: options.config, intake: receiver, tell });
    const { host, port } = options.config.http.ingest;
    return yield* httpServer({
      name: "ingest",
      host,
      port,
      ready: () => run(readiness(log)),
      handler: async (request, response) => {
        const received = await receive(receiver, request);
        answer(response, received);
        const told = tell(received);
        // A fiber for nothing, for each of thousands of notifications a second, is a cost that can be seen.
        if (told !== Effect.void) await run(told);
      },
    });
  });

const resultOf = (answer: Parameters<Parameters<EventLog["Service"]["submit"]>[2]>[0]): AppendResult => {
  if (!("_tag" in answer)) return { _tag: "Appended", appended: answer };
  return answer._tag === "EventInvalid"
    ? { _tag: "Invalid", detail: answer.message }
    : { _tag: "Unavailable", why: answer.message };
};

const readiness = (log: EventLog["Service"]): Effect.Effect<Readiness> =>
  Effect.match(log.head, {
    onFailure: (error): Readiness => ({ ok: false, why: error.message }),
    onSuccess: (): Readiness => ({ ok: true }),
  });

const answer = (response: ServerResponse, received: Received): void => {
  switch (received._tag) {
    case "Gone":
      break;
    case "Accepted": {
      const positions = received.appended.map(({ position }) => position);
      answerJson(response, 202, { accepted: positions.length, positions });
      break;
    }
    case "Ignored":
      answerJson(response, 200, { accepted: 0, reason: received.reason });
      break;
    case "Refused":
      problem(response, problemOf(received.reason, received.detail), REFUSALS[received.reason].headers);
  }
};

/** Metrics, log and the wish for a reconciliation, after the answer. Never a header or a body in the log: secrets are in there. */
const reporter = (options: IngestOptions, now: () => number, debug: boolean) => {
  const logs = rarely(LOG_EVERY_MS);
  const wishes = rarely(RECONCILIATION_EVERY_MS);
  const lost = (registry: string, why: string): Effect.Effect<void> => {
    if (wishes.now(registry, now()) === undefined) return Effect.void;
    return Effect.andThen(
      Effect.logWarning("news may be lost, a reconciliation of this registry repairs it", { registry, why }),
      options.onNewsLost?.(registry, why) ?? Effect.void,
    );
  };
  const detail = (what: string, details: Readonly<Record<string, unknown>>): Effect.Effect<void> =>
    debug ? Effect.logDebug(what, details) : Effect.void;
  const odd = (registry: string, warnings: ReadonlyArray<string>): Effect.Effect<void> => {
    const [why, ...others] = warnings;
    if (why === undefined) return Effect.void;
    const held = logs.now(`${registry}/odd`, now());
    const line = Effect.logWarning("a notification is not as documented", {
      registry,
      why,
      more: others.length,
      ...sinceLast(held),
    });
    return held === undefined ? Effect.void : line;
  };
  return (received: Received): Effect.Effect<void> => {
    switch (received._tag) {
      case "Gone":
        return Effect.void;
      case "Accepted": {
        const { registry, appended, warnings } = received;
        metrics.notificationsReceived.add(1, { registry, outcome: "accepted" });
        const line = detail("accepted", { registry, positions: appended.map(({ position }) => position) });
        return warnings.length === 0 ? line : Effect.andThen(line, odd(registry, warnings));
      }
      case "Ignored": {
        const { registry, reason, unparseable, warnings } = received;
        metrics.notificationsReceived.add(1, { registry, outcome: unparseable ? "unparseable" : "ignored" });
        if (!unparseable) return detail("ignored", { registry, reason });
        return Effect.andThen(odd(registry, warnings), lost(registry, warnings[0] ?? reason));
      }
      case "Refused": {
        const { registry = "", reason, detail } = received;
        metrics.notificationsRefused.add(1, { registry, reason });
        const held = logs.now(`${registry}/${reason}`, now());
        const line = Effect.logWarning("refused", { registry, reason, detail, ...sinceLast(held) });
        const wish = REFUSALS[reason].losesNews && registry !== "" ? lost(registry, reason) : Effect.void;
        return Effect.andThen(held === undefined ? Effect.void : line, wish);
      }
    }
  };
};

/** How many lines like this one were left out before it. */
const sinceLast = (heldBack: number | undefined) => (heldBack === undefined || heldBack === 0 ? {} : { heldBack });
