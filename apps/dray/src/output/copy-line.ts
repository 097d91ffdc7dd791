import type { CopyResult } from "@drayage/oci-core";
import prettyBytes from "pretty-bytes";

/** One image that was copied, for people. */
export const copiedLine = (target: string, result: CopyResult): string => {
  if (result.action === "unchanged") return `${target}  ${result.digest}  already there\n`;
  const referrers =
    result.referrers > 0 ? `, ${result.referrers} ${result.referrers === 1 ? "referrer" : "referrers"}` : "";
  return `${target}  ${result.digest}  ${moved(result)}${referrers}  ${(result.durationMs / 1000).toFixed(1)} s\n`;
};

/** The last line of a copy of many tags. */
export const copySummary = (results: ReadonlyArray<CopyResult>, seconds: number): string => {
  const unchanged = results.filter(({ action }) => action === "unchanged").length;
  return `${results.length} tags: ${results.length - unchanged} copied, ${unchanged} already there; ${moved(sum(results))}  ${seconds.toFixed(1)} s\n`;
};

type Moved = Pick<CopyResult, "blobs" | "bytes">;

const moved = ({ blobs, bytes }: Moved): string =>
  `blobs: ${blobs.copied} copied (${prettyBytes(bytes.copied)}), ${blobs.mounted} mounted, ${blobs.present} present`;

const sum = (results: ReadonlyArray<Moved>): Moved => {
  const add = (of: (one: Moved) => number): number => results.reduce((total, one) => total + of(one), 0);
  return {
    blobs: {
      copied: add((r) => r.blobs.copied),
      mounted: add((r) => r.blobs.mounted),
      present: add((r) => r.blobs.present),
    },
    bytes: {
      copied: add((r) => r.bytes.copied),
      mounted: add((r) => r.bytes.mounted),
      present: add((r) => r.bytes.present),
    },
  };
};
