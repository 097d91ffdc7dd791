import {
  type Copier,
  CopyError,
  type CopyProgress,
  type CopyResult,
  connectRegistry,
  dockerConfigAuth,
  makeCopier,
  openLayout,
  type Registry,
  type Resolved,
  wantedAtTarget,
} from "@drayage/oci-core";
import { isDigest, isDigestTag } from "@drayage/oci-core/model";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Stream from "effect/Stream";
import { CliError, failed, unable } from "../cli-error.ts";
import { type CopyLook, copyLook } from "../copy-look.ts";
import { copyPlan, type End, formatEnd, type Piece } from "../copy-plan.ts";
import { ExitCode } from "../exit-code.ts";
import { copiedLine, copySummary } from "../output/copy-line.ts";
import { copyDisplay } from "../output/progress.ts";
import { json } from "../output/table.ts";
import type { CopyOptions, Globals } from "../program.ts";

/** Tags of one repository copied at once; the registries' own limits hold all of them together. */
const TAGS_AT_ONCE = 4;

/**
 * `dray copy SOURCE DESTINATION`: between registries and OCI image layouts with nothing but Docker's credentials. Digests stay what they are.
 * Exit 0 when all is there, 1 when something could not be copied, 2 when nothing was tried.
 */
export const copy = Effect.fnUntraced(function* (
  globals: Globals,
  sourceText: string,
  destinationText: string,
  options: CopyOptions,
) {
  const started = yield* Clock.currentTimeMillis;
  const plan = copyPlan(sourceText, destinationText, options.allTags === true);
  if (plan instanceof CliError) return yield* plan;
  const look = copyLook(options);
  if (look instanceof CliError) return yield* look;
  const source = { ...plan.source, registry: yield* connect(plan.source, options) };
  const target = { ...plan.destination, registry: yield* connect(plan.destination, options) };
  const pieces = plan.pieces ?? (yield* allTags(source));
  const display = copyDisplay(globals.json === true);
  yield* Effect.addFinalizer(() => Effect.sync(display.stop));
  const ends: Ends = { source, target, copier: yield* makeCopier(), look, onProgress: display.onProgress };

  const show = (piece: Piece, done: Done): Done => {
    const names = {
      source: formatEnd(source, isDigest(piece.wanted) ? { digest: piece.wanted } : { tag: piece.wanted }),
      target: formatEnd(target, { tag: piece.put }),
    };
    if (done._tag === "Failed") process.stderr.write(`dray: ${names.source}: ${done.why}\n`);
    if (globals.json === true) process.stdout.write(json({ ...names, ...done.machine }));
    else if (done._tag !== "Failed") display.print(done.line(names.target));
    return done;
  };
  const one = options.dryRun === true ? wouldCopy : reallyCopy;
  const results =
    plan.pieces === undefined && options.dryRun !== true
      ? yield* copyTags(ends, pieces, show)
      : yield* Effect.forEach(pieces, (piece) => Effect.map(one(ends, piece), (done) => show(piece, done)), {
          concurrency: TAGS_AT_ONCE,
        });
  display.stop();

  const bad = results.filter(({ _tag }) => _tag === "Failed").length;
  if (plan.pieces !== undefined) return bad === 0 ? ExitCode.ok : ExitCode.failed;
  if (bad > 0) return yield* failed(`${bad} of ${pieces.length} tags were not copied`);
  const copied = results.flatMap((done) => (done._tag === "Copied" ? [done.machine] : []));
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000;
  if (globals.json !== true && options.dryRun !== true) process.stdout.write(copySummary(copied, seconds));
  return ExitCode.ok;
});

type Side = End & { readonly registry: Registry };
interface Ends {
  readonly source: Side;
  readonly target: Side;
  readonly copier: Copier;
  readonly look: CopyLook;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** What came of one piece: a line for people, a document for machines. */
type Done =
  | { readonly _tag: "Copied"; readonly line: (target: string) => string; readonly machine: CopyResult }
  | { readonly _tag: "Looked"; readonly line: (target: string) => string; readonly machine: object }
  | { readonly _tag: "Failed"; readonly why: string; readonly machine: object };

/** All tags together: fewer requests than a copy for each (see `Copier.copyRepository`). */
const copyTags = Effect.fnUntraced(function* (
  { source, target, copier, look, onProgress }: Ends,
  pieces: ReadonlyArray<Piece>,
  show: (piece: Piece, done: Done) => Done,
) {
  const results: Array<Done> = [];
  yield* copier
    .copyRepository({
      source,
      target,
      tags: pieces.flatMap(({ put }) => put ?? []),
      ...look,
      onProgress,
      onTag: (tag, outcome) => {
        results.push(
          show({ wanted: tag, put: tag }, Result.match(outcome, { onSuccess: copied, onFailure: failedWith })),
        );
      },
    })
    .pipe(Effect.mapError((error) => unable(error.message)));
  return results;
});

const copied = (result: CopyResult): Done => ({
  _tag: "Copied",
  line: (to) => copiedLine(to, result),
  machine: result,
});

const reallyCopy = ({ source, target, copier, look, onProgress }: Ends, piece: Piece): Effect.Effect<Done> =>
  copier
    .copy({
      source: { registry: source.registry, repository: source.repository, reference: piece.wanted },
      target: { registry: target.registry, repository: target.repository, tag: piece.put },
      ...look,
      onProgress,
    })
    .pipe(
      Effect.map(copied),
      Effect.catch((error) => Effect.succeed(failedWith(error))),
    );

const wouldCopy = ({ source, target, look }: Ends, { wanted, put }: Piece): Effect.Effect<Done> =>
  Effect.all(
    [
      source.registry
        .resolve(source.repository, wanted)
        .pipe(Effect.flatMap((found) => (found === undefined ? Effect.undefined : aimAt(source, found, look)))),
      ...(put === undefined ? [] : [target.registry.resolve(target.repository, put)]),
    ],
    { concurrency: 2 },
  ).pipe(
    Effect.map(([there, here]): Done => {
      const machine = { wanted: there?.digest, held: here?.digest };
      if (there === undefined) return { _tag: "Failed", why: "the source does not have it, or hides it", machine };
      const action = here === undefined ? "copy" : here.digest === there.digest ? "nothing to do" : "overwrite";
      return { _tag: "Looked", line: (to) => `${action}: ${to}  ${there.digest}\n`, machine: { action, ...machine } };
    }),
    Effect.catch((error) => Effect.succeed(failedWith(error))),
  );

/** What the target is to hold, as the copy would find it. */
const aimAt = ({ registry, repository }: Side, found: Resolved, { platforms }: CopyLook) =>
  Effect.flatMap(wantedAtTarget(registry, repository, found, platforms), (aim) =>
    aim === undefined ? Effect.fail(failed("the index has none of these platforms")) : Effect.succeed(aim),
  );

const failedWith = (error: { readonly message: string }): Done => ({
  _tag: "Failed",
  why: error.message,
  machine: { error: error instanceof CopyError ? { ...error, cause: undefined } : { detail: error.message } },
});

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The plain distribution client: nothing is known of the other side, so nothing but the specification is asked of it. */
const connect = Effect.fnUntraced(function* ({ host, layout }: End, options: CopyOptions) {
  if (layout !== undefined) return openLayout(layout);
  const plain = options.plainHttp?.includes(host) === true || LOOPBACK.test(host.replace(/:\d+$/, ""));
  const auth = yield* dockerConfigAuth(host).pipe(
    Effect.mapError((error) => unable(error.message, "mend Docker's config.json, or name another with DOCKER_CONFIG")),
  );
  return yield* connectRegistry({ name: host, url: new URL(`${plain ? "http" : "https"}://${host}`), auth });
});

/** Tags that are names of their own: signatures and the like, kept under a tag made of a digest, go with their image (`--referrers`). */
const allTags = Effect.fnUntraced(function* ({ registry, repository, ...end }: Side) {
  const pages = yield* Stream.runCollect(registry.tags(repository)).pipe(
    Effect.mapError((error) => unable(error.message)),
  );
  const tags = pages.flat().filter((tag) => !isDigestTag(tag));
  if (tags.length === 0) return yield* failed(`${formatEnd({ ...end, repository }, {})} has no tags`);
  return tags.map((tag): Piece => ({ wanted: tag, put: tag }));
});
