import type { Figures, Phase } from "./run-set.ts";

/** The bars of the copy engine: our median over that of the best peer, at most. Sources: the design's performance bars. */
export const BARS: ReadonlyArray<{
  readonly set: string;
  readonly phase: Phase;
  readonly delayMs: number;
  readonly most: number;
}> = [
  { set: "small", phase: "cold", delayMs: 0, most: 0.5 },
  { set: "multiarch", phase: "cold", delayMs: 0, most: 0.9 },
  { set: "many-tags", phase: "cold", delayMs: 0, most: 0.6 },
  { set: "wide", phase: "cold", delayMs: 0, most: 0.42 },
  { set: "big", phase: "cold", delayMs: 0, most: 1 },
  { set: "many-tags", phase: "noop", delayMs: 0, most: 0.75 },
  { set: "wide", phase: "noop", delayMs: 0, most: 0.95 },
  { set: "small", phase: "cold", delayMs: 20, most: 0.5 },
  { set: "wide", phase: "cold", delayMs: 20, most: 0.4 },
];

/** The middle one, or the mean of the two in the middle; NaN of nothing. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
};

const OURS = "drayage";
const MIB = 1024 * 1024;

const wall = (figures: Figures): number => median(figures.runs.map(({ wallSeconds }) => wallSeconds));

/** What all three computed for one run: the figure that a machine with other work to do changes least. */
const allCpu = (figures: Figures): number =>
  median(
    figures.runs.map(
      ({ cpuSeconds, sourceCpuSeconds, targetCpuSeconds }) => cpuSeconds + sourceCpuSeconds + targetCpuSeconds,
    ),
  );

/** How we did beside the best peer of one set and phase. */
export interface Ratio {
  readonly set: string;
  readonly phase: Phase;
  readonly best: string;
  /** Our median of the wall time over that peer's. */
  readonly ratio: number;
  /** CPU of copier and registries over the least that any peer made them spend. */
  readonly cpuRatio: number;
}

/** Our medians over the best peer's, by set and phase. */
export const ratios = (all: ReadonlyArray<Figures>): ReadonlyArray<Ratio> =>
  all
    .filter(({ contender }) => contender === OURS)
    .flatMap((ours) => {
      const peers = all.filter((one) => one.set === ours.set && one.phase === ours.phase && one.contender !== OURS);
      const [best] = [...peers].sort((a, b) => wall(a) - wall(b));
      return best === undefined
        ? []
        : [
            {
              set: ours.set,
              phase: ours.phase,
              best: best.contender,
              ratio: wall(ours) / wall(best),
              cpuRatio: allCpu(ours) / Math.min(...peers.map(allCpu)),
            },
          ];
    });

/** A table of Markdown with a line for each contender. */
export const table = (all: ReadonlyArray<Figures>): string => {
  const sorted = [...all].sort((a, b) => order(a) - order(b));
  const lines = sorted.map((one) => {
    const { runs, counts } = one;
    const seconds = runs.map(({ wallSeconds }) => wallSeconds);
    const spread = `${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}`;
    const registries = median(
      runs.map(({ sourceCpuSeconds, targetCpuSeconds }) => sourceCpuSeconds + targetCpuSeconds),
    );
    const [source, target] = counts ?? [];
    return row([
      `${one.set} ${one.phase === "noop" ? "no-op" : "cold"}`,
      one.contender === OURS ? `**${OURS}**` : one.contender,
      wall(one).toFixed(2),
      spread,
      median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      registries.toFixed(2),
      String(Math.round(Math.max(...runs.map(({ peakBytes }) => peakBytes)) / MIB)),
      source === undefined ? "" : `${source.requests} / ${target?.requests ?? 0}`,
      source === undefined ? "" : `${mib(source.bytesDown)} / ${mib(target?.bytesUp ?? 0)}`,
    ]);
  });
  const head = [
    "set",
    "who",
    "wall s",
    "min to max",
    "CPU s",
    "registries' CPU s",
    "peak MiB",
    "requests source / target",
    "MiB from source / to target",
  ];
  return [row(head), row(head.map(() => "---")), ...lines].join("\n");
};

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`;
const mib = (bytes: number): string => (bytes / MIB).toFixed(1);

const SET_ORDER = ["small", "multiarch", "big", "many-tags", "wide"];
const order = ({ set, phase }: Figures): number => 2 * SET_ORDER.indexOf(set) + (phase === "noop" ? 1 : 0);

/** What became of each bar that this run can judge. */
export const barTable = (all: ReadonlyArray<Figures>, delayMs: number): string => {
  const lines = ratios(all).map(({ set, phase, best, ratio, cpuRatio }) => {
    const bar = BARS.find((one) => one.set === set && one.phase === phase && one.delayMs === delayMs);
    return row([
      `${set} ${phase === "noop" ? "no-op" : "cold"}`,
      best,
      ratio.toFixed(2),
      cpuRatio.toFixed(2),
      bar === undefined ? "" : `at most ${bar.most.toFixed(2)}`,
      bar === undefined ? "" : ratio <= bar.most ? "met" : "missed",
    ]);
  });
  const head = ["set", "best peer", "drayage / best peer", "CPU of all three, drayage / least", "bar", ""];
  return [row(head), row(head.map(() => "---")), ...lines].join("\n");
};

/** How much of the wall time the computing of all three explains, on this many cores. */
export const limitTable = (all: ReadonlyArray<Figures>, cores: number): string => {
  const lines = all
    .filter(({ contender }) => contender === OURS)
    .map((one) => {
      const part = (pick: (run: Figures["runs"][number]) => number): number => median(one.runs.map(pick));
      const [copier, source, target] = [
        part((run) => run.cpuSeconds),
        part((run) => run.sourceCpuSeconds),
        part((run) => run.targetCpuSeconds),
      ];
      const limit = (copier + source + target) / cores;
      return row([
        `${one.set} ${one.phase === "noop" ? "no-op" : "cold"}`,
        copier.toFixed(2),
        source.toFixed(2),
        target.toFixed(2),
        limit.toFixed(2),
        wall(one).toFixed(2),
        `${Math.round((100 * limit) / wall(one))} %`,
      ]);
    });
  const head = ["set", "copier CPU s", "source CPU s", "target CPU s", "limit s", "wall s", "explained"];
  return [row(head), row(head.map(() => "---")), ...lines].join("\n");
};

/** The page with the tables of one kind of run, between the marks that it has for them. */
export const withTables = (page: string, kind: "plain" | "delayed" | "secure", tables: string): string => {
  const [open, close] = [`<!-- bench copy ${kind} -->`, `<!-- /bench copy ${kind} -->`];
  const [from, to] = [page.indexOf(open), page.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`the page has no marks ${open} and ${close}`);
  return `${page.slice(0, from + open.length)}\n\n${tables}\n\n${page.slice(to)}`;
};
