import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { loadConfig } from "@drayage/config";
import { Database, EventLog } from "@drayage/event-log";
import { reconcileAndAppend } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import colors from "picocolors";
import { failed, unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { everything } from "../compose/everything.ts";
import { logOf } from "../compose/log.ts";
import { show } from "../demo/show.ts";
import { type Stage, setStage } from "../demo/stage.ts";
import { LEFT, tour } from "../demo/tour.ts";
import { verify } from "../demo/verify.ts";
import { invitation, proof, result } from "../demo/words.ts";
import { ExitCode } from "../exit-code.ts";
import { json } from "../output/table.ts";
import type { Globals } from "../program.ts";

/**
 * `dray demo`: strict registries on this machine, the whole of Drayage between them, and a tour of what it does. Stays up afterwards, so that
 * skopeo or docker can push; `--once` ends with a summary, exit 0 when every step came true.
 */
export const demo = Effect.fnUntraced(function* (globals: Globals, options: { readonly once?: boolean }) {
  const say = (text: string) => Effect.sync(() => void (globals.json === true || process.stdout.write(`${text}\n`)));
  const [ingest, admin] = yield* Effect.promise(() => Promise.all([freePort(), freePort()]));
  yield* say(colors.bold("Starting four registries and Drayage between them ..."));
  const stage = yield* setStage({ ingest, admin });
  const { config } = yield* loadConfig({ path: stage.configFile, env: {}, cwd: "/", secrets: "required" }).pipe(
    Effect.mapError((error) => unable(error.message)),
  );

  const performance = Effect.gen(function* () {
    const registries = yield* openRegistries(config);
    const context = { config, registries, database: yield* Database, log: yield* EventLog };
    const { events, settled } = yield* show(config, say);
    const isUp = yield* Deferred.make<void>();
    const play = Effect.gen(function* () {
      yield* Deferred.await(isUp);
      yield* settled;
      const steps = yield* tour(stage, {
        narrate: (title) => say(`\n${colors.bold(title)}`),
        reconcile: reconcileAndAppend(context, { kind: "full" }),
        settled,
      });
      yield* finish(stage, steps, globals);
      if (options.once === true) return;
      yield* say(invitation(stage));
      return yield* Effect.never;
    });
    // What runs beside the tour never ends by itself: a role that dies ends the demo at once, with its error.
    const beside = Effect.all([everything({ config, onUp: Deferred.succeed(isUp, undefined) }), events], {
      concurrency: "unbounded",
      discard: true,
    });
    yield* Effect.raceFirst(play, beside);
  });
  yield* Effect.scoped(performance).pipe(
    Effect.provide(Layer.provideMerge(databaseLayer(config, "owner"), logOf(globals, QUIET))),
    Effect.mapError((error) => (error._tag === "CliError" ? error : unable(error.message))),
  );
  return ExitCode.ok;
});

/** Of the log only what went wrong, unless somebody asks for more: the events tell the rest. */
const QUIET = { DRAYAGE_LOG_LEVEL: "warn", DRAYAGE_LOG: "text" };

/** The proof: what both targets hold now is compared with the source once more. */
const finish = Effect.fnUntraced(function* (stage: Stage, steps: Parameters<typeof result>[0], globals: Globals) {
  const verified = verify(stage, LEFT);
  if (globals.json === true) process.stdout.write(json({ steps, verified }));
  else process.stdout.write(`\n${result(steps)}\n`);
  if (verified.differences.length > 0)
    return yield* failed(`the targets are not what the source is: ${verified.differences.join("; ")}`);
  if (globals.json !== true) process.stdout.write(`${proof(verified)}\n`);
});

/** A port that was free a moment ago: the registries have to know where notifications go before anything listens there. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
