import { type Digest, type ImageReference, parseReference, parseTag, type Tag } from "@drayage/oci-core/model";
import { CliError, unable } from "./cli-error.ts";

/** One image of a copy: what is read at the source, and the tag it gets; without one it is put by its digest only. */
export interface Piece {
  readonly wanted: Tag | Digest;
  readonly put: Tag | undefined;
}

/** What the two names on the command line ask for. */
export interface CopyPlan {
  readonly source: ImageReference;
  readonly destination: ImageReference;
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
  return { source, destination, pieces: [{ wanted, put }] };
};

const reference = (text: string, place: string): ImageReference | CliError => {
  if (text.startsWith("oci:")) return unable(`${place}: OCI image layouts (oci:DIR) are not available in this version`);
  const parsed = parseReference(text);
  return parsed._tag === "InvalidReference"
    ? unable(`${place}: ${parsed.part} "${parsed.text}": ${parsed.problem}`, parsed.mend)
    : parsed;
};
