import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { loadConfig } from "@drayage/config";
import { Database, EventLog, type RecordedEvent } from "@drayage/event-log";
import { reconcileAndAppend } from "@drayage/reconciler";
import { openRegistries } from "@drayage/registries";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import colors from "picocolors";
import { failed, unable } from "../cli-error.ts";
import { databaseLayer } from "../compose/database.ts";
import { everything } from "../compose/everything.ts";
import { notLoaded } from "../compose/load.ts";
import { type Stage, setStage } from "../demo/stage.ts";
import { type Step, tour } from "../demo/tour.ts";
import { ExitCode } from "../exit-code.ts";
import { eventLine } from "../output/event-line.ts";
import { json, table } from "../output/table.ts";
import type { Globals } from "../program.ts";

/**
 * `dray demo`: strict registries on this machine, the whole of Drayage between them, and a tour of what it does. Stays up afterwards, so that
 * skopeo or docker can push; `--once` ends with a summary, exit 0 when every step came true.
 */
export const demo = Effect.fnUntraced(function* (globals: Globals, options: { readonly once?: boolean }) {
  const quiet = globals.json === true;
  const say = (text: string) => Effect.sync(() => void (quiet || process.stdout.write(`${text}\n`)));
  const [ingest, admin] = yield* Effect.promise(() => Promise.all([freePort(), freePort()]));
  yield* say(colors.bold("Starting four registries and Drayage between them ..."));
  const stage = yield* setStage({ ingest, admin });
  const { config } = yield* loadConfig({ path: stage.configFile, env: {}, cwd: "/", secrets: "required" }).pipe(
    Effect.mapError(notLoaded),
  );

  const show = Effect.gen(function* () {
    const log = yield* EventLog;
    yield* Effect.gen(function* () {
      const registries = yield* openRegistries(config);
      const context = { config, registries, database: yield* Database, log };
      yield* everything({ config }).pipe(
        Effect.mapError((error) => unable(error.message)),
        Effect.forkScoped,
      );
      yield* log.subscribe({ after: 0 }).pipe(
        Stream.runForEach((events) =>
          Effect.forEach(events, (event) => say(eventLine(toLine(event))), { discard: true }),
        ),
        Effect.forkScoped,
      );
      const steps = yield* tour(
        stage,
        (title) => say(`\n${colors.bold(title)}`),
        reconcileAndAppend(context, { kind: "full" }),
      );
      yield* Effect.sleep("300 millis"); // the last events are on their way to the terminal
      yield* finish(stage, steps, globals);
      if (options.once === true) return;
      yield* say(invitation(stage));
      yield* Effect.never;
    }).pipe(Effect.scoped);
  });
  yield* show.pipe(
    Effect.provide(databaseLayer(config, "owner")),
    Effect.catch((error) => Effect.fail(error._tag === "CliError" ? error : unable(error.message))),
  );
  return ExitCode.ok;
});

const toLine = (event: RecordedEvent) => ({
  ...event,
  recordedat: event.recordedAt.toISOString(),
  data: { ...event.data },
});

/** The proof: what both targets hold now is read from them once more, and compared with the source byte by byte. */
const finish = Effect.fnUntraced(function* (stage: Stage, steps: ReadonlyArray<Step>, globals: Globals) {
  const dangling = [stage.europe, stage.america].flatMap((target) => target.danglingReferences());
  const rows = steps.flatMap((step) =>
    step.result.map(({ name, digest }, n) => [
      n === 0 ? (step.title.split(":")[0] ?? "") : "",
      name,
      digest === "gone" ? "gone at both" : `${digest.slice(0, 19)} at source and both targets`,
      n === 0 ? `${step.millis} ms` : "",
    ]),
  );
  if (globals.json === true) process.stdout.write(json({ steps, dangling }));
  else process.stdout.write(`\n${table(["STEP", "AT BOTH TARGETS", "DIGEST", "TIME"], rows)}`);
  if (dangling.length > 0)
    return yield* failed(`${dangling.length} tags at the targets point to content that is not there`);
});

const invitation = (stage: Stage): string => `
It stays up until Ctrl-C. Push something yourself:
  skopeo copy --dest-tls-verify=false docker://docker.io/library/alpine docker://${stage.hub.host}/you/alpine:3
  or: docker push ${stage.hub.host}/you/alpine:3
and find it at ${stage.europe.host}/mirror/you/alpine:3 and ${stage.america.host}/mirror/you/alpine:3 (user drayage, password demo-password)

  source            ${stage.hub.url.origin}
  source (factory)  ${stage.factory.url.origin}
  target europe     ${stage.europe.url.origin}
  target america    ${stage.america.url.origin}
  notifications     http://127.0.0.1:${stage.ingestPort}/notifications/hub
  admin             http://127.0.0.1:${stage.adminPort}/api/v1/targets  /metrics  /openapi.json
  configuration     ${stage.configFile}
  in another shell  dray --config ${stage.configFile} status | events --follow | diff`;

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
