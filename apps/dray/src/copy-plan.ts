import {
  type Digest,
  formatReference,
  type ImageReference,
  parseReference,
  parseRepositoryName,
  parseTag,
  type Tag,
} from "@drayage/oci-core/model";
import { CliError, unable } from "./cli-error.ts";

/** One end of a copy: an image in a registry, or a directory in the form of an OCI image layout (`oci:DIR[:TAG]`). */
export interface End extends Pick<ImageReference, "repository" | "tag" | "digest"> {
  /** Host of the registry, or `oci:DIR`. */
  readonly host: string;
  /** The directory; undefined for a registry. */
  readonly layout?: string | undefined;
}

/** How an end is written on the command line. */
export const formatEnd = (
  { host, repository, layout }: End,
  { tag, digest }: { readonly tag?: Tag | undefined; readonly digest?: Digest | undefined },
): string =>
  layout === undefined
    ? formatReference({ host, repository, tag, digest })
    : `oci:${layout}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;

/** One image of a copy: what is read at the source, and the tag it gets; without one it is put by its digest only. */
export interface Piece {
  readonly wanted: Tag | Digest;
  readonly put: Tag | undefined;
}

/** What the two names on the command line ask for. */
export interface CopyPlan {
  readonly source: End;
  readonly destination: End;
  /** Undefined: all tags, which the source has to be asked for. */
  readonly pieces: ReadonlyArray<Piece> | undefined;
}

/** Reads the names as docker does (`latest` where nothing is said), and refuses what says two things at once. */
export const copyPlan = (sourceText: string, destinationText: string, allTags: boolean): CopyPlan | CliError => {
  const source = reference(sourceText, "SOURCE");
  if (source instanceof CliError) return source;
  const destination = reference(destinationText, "DESTINATION");
  if (destination instanceof CliError) return destination;
  if (allTags) {
    for (const [place, text, { tag, digest }] of [
      ["SOURCE", sourceText, source],
      ["DESTINATION", destinationText, destination],
    ] as const) {
      if (tag !== undefined || digest !== undefined)
        return unable(`${place}: ${text} names one image, and --all-tags copies all`, "name the repository alone");
    }
    return { source, destination, pieces: undefined };
  }
  if (destination.digest !== undefined && destination.digest !== source.digest) {
    return unable(
      `DESTINATION: ${destinationText}: a copy has the digest of its source`,
      "leave the digest out, or write the same one after SOURCE",
    );
  }
  const latest = parseTag("latest");
  const wanted = source.digest ?? source.tag ?? latest;
  if (wanted === undefined) return unable(`SOURCE: ${sourceText} names no image`);
  const put = destination.tag ?? source.tag ?? (source.digest === undefined ? latest : undefined);
  // Nothing in a layout would lead to it.
  if (put === undefined && destination.layout !== undefined)
    return unable(`DESTINATION: ${destinationText} names no tag`, `write ${destinationText}:TAG`);
  return { source, destination, pieces: [{ wanted, put }] };
};

const LAYOUT = "oci:";
/** A layout is one repository without a name: this stands where a name is asked for. */
const UNNAMED = parseRepositoryName("layout");

const layoutEnd = (text: string, place: string): End | CliError => {
  const rest = text.slice(LAYOUT.length);
  const colon = rest.lastIndexOf(":");
  const tagged = colon > rest.lastIndexOf("/");
  const layout = tagged ? rest.slice(0, colon) : rest;
  const tag = tagged ? parseTag(rest.slice(colon + 1)) : undefined;
  if (layout === "" || UNNAMED === undefined)
    return unable(`${place}: ${text} names no directory`, "write oci:DIR:TAG");
  if (tagged && tag === undefined)
    return unable(`${place}: ${text}: ${rest.slice(colon + 1)} is no tag`, "write oci:DIR:TAG");
  return { host: `${LAYOUT}${layout}`, repository: UNNAMED, layout, tag };
};

const reference = (text: string, place: string): End | CliError => {
  if (text.startsWith(LAYOUT)) return layoutEnd(text, place);
  const parsed = parseReference(text);
  return parsed._tag === "InvalidReference"
    ? unable(`${place}: ${parsed.part} "${parsed.text}": ${parsed.problem}`, parsed.mend)
    : parsed;
};
