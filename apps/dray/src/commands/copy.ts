import { type CopyResult, dockerConfigAuth, makeCopier, type Registry } from "@drayage/oci-core";
import {
  type Digest,
  formatReference,
  type ImageReference,
  isDigestTag,
  parseReference,
  parseTag,
  type Tag,
} from "@drayage/oci-core/model";
import { adapterOf } from "@drayage/registries";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import prettyBytes from "pretty-bytes";
import { failed, unable } from "../cli-error.ts";
import { ExitCode } from "../exit-code.ts";
import { copyDisplay } from "../output/progress.ts";
import { json } from "../output/table.ts";
import type { CopyOptions, Globals } from "../program.ts";

/** Tags of one repository copied at once; the registries' own limits hold all of them together. */
const TAGS_AT_ONCE = 4;

/**
 * `dray copy SOURCE DESTINATION`: registry to registry with nothing but Docker's credentials. Digests stay what they are.
 * Exit 0 when all is there, 1 when something could not be copied, 2 for a reference that is none.
 */
export const copy = Effect.fnUntraced(function* (
  globals: Globals,
  sourceText: string,
  destinationText: string,
  options: CopyOptions,
) {
  const source = yield* reference(sourceText, "SOURCE");
  const destination = yield* reference(destinationText, "DESTINATION");
  const from = yield* connect(source, options);
  const to = yield* connect(destination, options);
  const tags = options.allTags === true ? yield* allTags(from, source) : [undefined];
  const copier = yield* makeCopier();
  const display = copyDisplay(globals.json === true);
  yield* Effect.addFinalizer(() => Effect.sync(display.stop));

  const one = Effect.fnUntraced(function* (tag: Tag | undefined) {
    const latest = parseTag("latest");
    const wanted = tag ?? source.digest ?? source.tag ?? latest;
    const put = tag ?? destination.tag ?? source.tag ?? (source.digest === undefined ? latest : undefined);
    if (wanted === undefined) return false;
    const name = `${source.host}/${source.repository}${wanted.includes(":") ? "@" : ":"}${wanted}`;
    const target = formatReference({ host: destination.host, repository: destination.repository, tag: put });
    if (options.dryRun === true) {
      const found = yield* wouldCopy({ from, to, source, destination, wanted, put });
      const text = `${found.action}: ${target}  ${found.wanted ?? "the source does not have it, or hides it"}\n`;
      process.stdout.write(globals.json === true ? json({ source: name, target, ...found }) : text);
      return found.wanted !== undefined;
    }
    const result = yield* copier
      .copy({
        source: { registry: from, repository: source.repository, reference: wanted },
        target: { registry: to, repository: destination.repository, tag: put },
        depth: options.deep === true ? "deep" : options.referrers === true ? "referrers" : "tag",
        referrers: options.referrers === true ? "all" : "none",
        onProgress: display.onProgress,
      })
      .pipe(
        Effect.map((done) => ({ ok: true as const, done })),
        Effect.catchTag("CopyError", (error) => Effect.succeed({ ok: false as const, error })),
      );
    if (!result.ok) {
      process.stderr.write(`dray: ${name}: ${result.error.message}\n`);
      if (globals.json === true)
        process.stdout.write(json({ source: name, target, error: { ...result.error, cause: undefined } }));
      return false;
    }
    process.stdout.write(
      globals.json === true ? json({ source: name, target, ...result.done }) : line(target, result.done),
    );
    return true;
  });

  const done = yield* Effect.forEach(tags, one, { concurrency: TAGS_AT_ONCE });
  const bad = done.filter((ok) => !ok).length;
  if (bad > 0 && tags.length > 1) return yield* failed(`${bad} of ${tags.length} tags were not copied`);
  return bad === 0 ? ExitCode.ok : ExitCode.failed;
});

const reference = Effect.fnUntraced(function* (text: string, place: string) {
  if (text.startsWith("oci:")) {
    return yield* unable(`${place}: OCI image layouts (oci:DIR) are not available in this version`);
  }
  const parsed = parseReference(text);
  if (parsed._tag === "InvalidReference") {
    return yield* unable(`${place}: ${parsed.part} "${parsed.text}": ${parsed.problem}`, parsed.mend);
  }
  return parsed;
});

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

const connect = Effect.fnUntraced(function* (to: ImageReference, options: CopyOptions) {
  const plain = options.plainHttp?.includes(to.host) === true || LOOPBACK.test(to.host.replace(/:\d+$/, ""));
  const auth = yield* dockerConfigAuth(to.host).pipe(
    Effect.mapError((error) => unable(error.message, "mend Docker's config.json, or name another with DOCKER_CONFIG")),
  );
  const url = new URL(`${plain ? "http" : "https"}://${to.host}`);
  return yield* adapterOf("oci").connect({ name: to.host, url, auth, traits: {} });
});

const allTags = Effect.fnUntraced(function* (registry: Registry, source: ImageReference) {
  const pages = yield* Stream.runCollect(registry.tags(source.repository)).pipe(
    Effect.mapError((error) => unable(error.message)),
  );
  return pages.flat().filter((tag) => !isDigestTag(tag));
});

const wouldCopy = Effect.fnUntraced(function* (given: {
  readonly from: Registry;
  readonly to: Registry;
  readonly source: ImageReference;
  readonly destination: ImageReference;
  readonly wanted: Tag | Digest;
  readonly put: Tag | undefined;
}) {
  const held =
    given.put === undefined ? Effect.succeed(undefined) : given.to.resolve(given.destination.repository, given.put);
  const [there, here] = yield* Effect.all([given.from.resolve(given.source.repository, given.wanted), held], {
    concurrency: 2,
  }).pipe(Effect.mapError((error) => unable(error.message)));
  const equal = here?.digest === there?.digest;
  const action =
    there === undefined ? "impossible" : here === undefined ? "copy" : equal ? "nothing to do" : "overwrite";
  return { action, wanted: there?.digest, held: here?.digest };
});

const line = (target: string, result: CopyResult): string => {
  const { blobs, bytes } = result;
  const moved = `${blobs.copied} copied (${prettyBytes(bytes.copied)}), ${blobs.mounted} mounted, ${blobs.present} present`;
  return result.action === "unchanged"
    ? `${target}  ${result.digest}  already there\n`
    : `${target}  ${result.digest}  ${moved}${result.referrers > 0 ? `, ${result.referrers} referrers` : ""}  ${(result.durationMs / 1000).toFixed(1)} s\n`;
};
