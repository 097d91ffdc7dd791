import type { CopyProgress } from "@drayage/oci-core";
import { MultiBar } from "cli-progress";
import prettyBytes from "pretty-bytes";

/** Blobs smaller than this are over before a bar could be read. */
const BAR_FROM_BYTES = 1024 * 1024;

export interface CopyDisplay {
  readonly onProgress: (progress: CopyProgress) => void;
  /** A line on stdout, above the bars where there are some. */
  readonly print: (line: string) => void;
  /** Ends the bars; may be called twice. */
  readonly stop: () => void;
}

const SILENT: CopyDisplay = { onProgress: () => {}, print: (line) => void process.stdout.write(line), stop: () => {} };

/** Bars on stderr for blobs that take a while; nothing when stderr is no terminal or JSON was asked for. */
export const copyDisplay = (quiet: boolean): CopyDisplay =>
  quiet || process.stderr.isTTY !== true ? SILENT : withBars(makeBars());

const makeBars = (): MultiBar =>
  new MultiBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    // Signals are ours: they interrupt the copy, and its end stops the bars.
    gracefulExit: false,
    etaBuffer: 50,
    format: " {name}  {bar}  {done} / {size}  {eta_formatted}",
  });

/** What is used of cli-progress. */
interface Bar {
  update(bytes: number, labels: object): void;
}
interface Bars<B extends Bar> {
  create(total: number, start: number, labels: object): B;
  remove(bar: B): void;
  log(line: string): void;
  update(): void;
  stop(): void;
}

/** The display over given bars. */
export const withBars = <B extends Bar>(bars: Bars<B>): CopyDisplay => {
  const running = new Map<string, { readonly bar: B; bytes: number }>();
  const show = (digest: string, bytes: number): void => {
    const one = running.get(digest);
    if (one === undefined) return;
    one.bytes = bytes;
    one.bar.update(bytes, { done: prettyBytes(bytes) });
  };
  let used = false;
  return {
    onProgress: (progress) => {
      switch (progress._tag) {
        case "BlobStarted": {
          // Told again for a blob whose upload begins anew: its bar goes back.
          if (running.has(progress.digest)) return show(progress.digest, 0);
          if (progress.size < BAR_FROM_BYTES) return;
          const labels = { name: progress.digest.slice(0, 19), size: prettyBytes(progress.size), done: prettyBytes(0) };
          running.set(progress.digest, { bar: bars.create(progress.size, 0, labels), bytes: 0 });
          used = true;
          return;
        }
        case "BlobBytes": // `bytes` is the amount since the last call
          return show(progress.digest, (running.get(progress.digest)?.bytes ?? 0) + progress.bytes);
        case "BlobDone": {
          const one = running.get(progress.digest);
          running.delete(progress.digest);
          if (one !== undefined) bars.remove(one.bar);
          return;
        }
        case "ManifestDone":
          return;
      }
    },
    print: (line) => {
      // Two streams on one terminal would write into each other's lines while bars are drawn.
      if (running.size === 0 || process.stdout.isTTY !== true) process.stdout.write(line);
      else bars.log(line);
    },
    stop: () => {
      if (!used) return;
      used = false;
      running.clear();
      bars.update(); // what was logged since the last frame is still to be written
      bars.stop();
    },
  };
};
