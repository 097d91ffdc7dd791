import type { CopyProgress } from "@drayage/oci-core";
import { MultiBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import { type Moving, Transfer } from "./transfer.ts";

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
    format: " {name}  {bar}  {done} / {size}  {rate}  {left}",
  });

/** Characters of a digest that name its bar, and as many for the bar of all. */
const NAME_CHARACTERS = 19;
const TOGETHER = "together".padEnd(NAME_CHARACTERS);

const labelsOf = ({ bytes, rate, eta }: Moving) => ({
  done: prettyBytes(bytes),
  rate: rate === 0 ? "-" : `${prettyBytes(Math.round(rate))}/s`,
  left: eta === undefined ? "-" : duration(eta),
});

/** `42s`, `3m05s`, `2h10m`. */
const duration = (seconds: number): string => {
  const all = Math.ceil(seconds);
  const two = (part: number): string => String(part).padStart(2, "0");
  if (all < 60) return `${all}s`;
  if (all < 3600) return `${Math.floor(all / 60)}m${two(all % 60)}s`;
  return `${Math.floor(all / 3600)}h${two(Math.floor((all % 3600) / 60))}m`;
};

/** What is used of cli-progress. */
interface Bar {
  update(bytes: number, labels: object): void;
  setTotal(bytes: number): void;
}
interface Bars<B extends Bar> {
  create(total: number, start: number, labels: object): B;
  remove(bar: B): void;
  log(line: string): void;
  update(): void;
  stop(): void;
}

/** The display over given bars. */
export const withBars = <B extends Bar>(bars: Bars<B>, now?: () => number): CopyDisplay => {
  const running = new Map<string, { readonly bar: B; readonly own: Transfer; bytes: number }>();
  const all = new Transfer(now);
  /** The line of all blobs together, above those of the blobs. */
  let sum: B | undefined;
  const showAll = (): void => {
    if (sum === undefined) return;
    const { bytes, total } = all.moving;
    sum.setTotal(total);
    sum.update(bytes, { ...labelsOf(all.moving), size: prettyBytes(total) });
  };
  const show = (digest: string, bytes: number): void => {
    const one = running.get(digest);
    if (one === undefined) return;
    one.bytes = bytes;
    one.bar.update(bytes, labelsOf(one.own.moving));
  };
  let used = false;
  return {
    onProgress: (progress) => {
      switch (progress._tag) {
        case "BlobStarted": {
          const { digest, size } = progress;
          all.start(digest, size);
          // Told again for a blob whose upload begins anew: its bar goes back.
          running.get(digest)?.own.start(digest, size);
          if (running.has(digest)) return show(digest, 0);
          if (size < BAR_FROM_BYTES) return showAll();
          sum ??= bars.create(size, 0, { name: TOGETHER, size: prettyBytes(size), ...labelsOf(all.moving) });
          showAll();
          const own = new Transfer(now);
          own.start(digest, size);
          const labels = { name: digest.slice(0, NAME_CHARACTERS), size: prettyBytes(size), ...labelsOf(own.moving) };
          running.set(digest, { bar: bars.create(size, 0, labels), own, bytes: 0 });
          used = true;
          return;
        }
        case "BlobBytes": // `bytes` is the amount since the last call
          all.pass(progress.digest, progress.bytes);
          running.get(progress.digest)?.own.pass(progress.digest, progress.bytes);
          show(progress.digest, (running.get(progress.digest)?.bytes ?? 0) + progress.bytes);
          return showAll();
        case "BlobDone": {
          const one = running.get(progress.digest);
          running.delete(progress.digest);
          if (one !== undefined) bars.remove(one.bar);
          all.done(progress.digest);
          return showAll();
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
      sum = undefined;
      bars.update(); // what was logged since the last frame is still to be written
      bars.stop();
    },
  };
};
