import type { CopyProgress } from "@drayage/oci-core";
import { MultiBar, type SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";

/** Blobs smaller than this are over before a bar could be read. */
const BAR_FROM_BYTES = 1024 * 1024;

export interface CopyDisplay {
  readonly onProgress: (progress: CopyProgress) => void;
  readonly stop: () => void;
}

const SILENT: CopyDisplay = { onProgress: () => {}, stop: () => {} };

/** Bars on stderr for blobs that take a while; nothing when stderr is no terminal or JSON was asked for. */
export const copyDisplay = (quiet: boolean): CopyDisplay => {
  if (quiet || !process.stderr.isTTY) return SILENT;
  const bars = new MultiBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 50,
    format: " {name}  {bar}  {done} / {size}  {eta_formatted}",
  });
  const running = new Map<string, SingleBar>();
  return {
    onProgress: (progress) => {
      if (progress._tag === "BlobStarted" && progress.size >= BAR_FROM_BYTES) {
        const bar = bars.create(progress.size, 0, {
          name: progress.digest.slice(0, 19),
          size: prettyBytes(progress.size),
          done: prettyBytes(0),
        });
        running.set(progress.digest, bar);
      }
      if (progress._tag === "BlobBytes") {
        const bar = running.get(progress.digest);
        // `bytes` is the amount since the last call.
        if (bar !== undefined) bar.increment(progress.bytes, { done: prettyBytes(bar.getProgress() * bar.getTotal()) });
      }
      if (progress._tag === "BlobDone") {
        const bar = running.get(progress.digest);
        running.delete(progress.digest);
        if (bar !== undefined) {
          bar.update(progress.size, { done: progress.way });
          bars.remove(bar);
        }
      }
    },
    stop: () => bars.stop(),
  };
};
