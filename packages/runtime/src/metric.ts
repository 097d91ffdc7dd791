import * as Context from "effect/Context";
import * as Metric from "effect/Metric";

type Labels<L extends string> = Readonly<Record<L, string>>;

/** A sum that only grows. Updates are plain calls (0.2 µs), so that byte loops can count too. */
export interface Counter<L extends string> {
  readonly add: (by: number, labels: Labels<L>) => void;
}
/** A value that is set. */
export interface Gauge<L extends string> {
  readonly set: (value: number, labels: Labels<L>) => void;
  /** These series and no others: what is not named any more (a state without rows, a target that was removed) disappears. */
  readonly replace: (series: ReadonlyArray<{ readonly labels: Labels<L>; readonly value: number }>) => void;
}
/** A distribution. */
export interface Histogram<L extends string> {
  readonly observe: (value: number, labels: Labels<L>) => void;
}

/** The process-wide registry of Effect's metrics, which is also what an OpenTelemetry exporter reads. */
const everywhere = Context.empty();

/** Labels are names of the configuration and words of ours. What came beyond so many is found the slow way. */
const SERIES_KEPT = 1_000;

export const counter = <L extends string = never>(name: string, description: string): Counter<L> => {
  const metric = Metric.counter(name, { description, incremental: true });
  const kept = new Map<string, Metric.Counter<number>>();
  const seriesOf = (labels: Labels<L>): Metric.Counter<number> => {
    let key = "";
    for (const label in labels) key += `${label}\n${labels[label]}\n`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = Metric.withAttributes(metric, labels);
    if (kept.size < SERIES_KEPT) kept.set(key, made);
    return made;
  };
  return { add: (by, labels) => seriesOf(labels).updateUnsafe(by, everywhere) };
};

export const gauge = <L extends string = never>(name: string, description: string): Gauge<L> => {
  const metric = Metric.gauge(name, { description });
  let shown: ReadonlyArray<Labels<L>> = [];
  const set = (value: number, labels: Labels<L>): void =>
    Metric.withAttributes(metric, labels).updateUnsafe(value, everywhere);
  return {
    set,
    replace: (series) => {
      for (const labels of shown) Metric.removeUnsafe(Metric.withAttributes(metric, labels), everywhere);
      for (const { labels, value } of series) set(value, labels);
      shown = series.map(({ labels }) => labels);
    },
  };
};

export const histogram = <L extends string = never>(
  name: string,
  description: string,
  boundaries: ReadonlyArray<number>,
): Histogram<L> => {
  const metric = Metric.histogram(name, { description, boundaries });
  return { observe: (value, labels) => Metric.withAttributes(metric, labels).updateUnsafe(value, everywhere) };
};

/** Every series there is, as the Prometheus text format 0.0.4 has it. Families and series come in the order of their first update. */
export const prometheusText = (): string => {
  const families = new Map<string, Array<string>>();
  for (const series of Metric.snapshotUnsafe(everywhere)) {
    let lines = families.get(series.id);
    if (lines === undefined) {
      lines = [
        `# HELP ${series.id} ${escapeHelp(series.description ?? series.id)}`,
        `# TYPE ${series.id} ${series.type.toLowerCase()}`,
      ];
      families.set(series.id, lines);
    }
    lines.push(...samples(series));
  }
  return [...families.values()].flatMap((lines) => lines.map((line) => `${line}\n`)).join("");
};

const samples = (series: Metric.Metric.Snapshot): ReadonlyArray<string> => {
  const name = series.id;
  const labels = Object.entries(series.attributes ?? {});
  switch (series.type) {
    case "Counter":
      return [`${name}${labelText(labels)} ${numberText(series.state.count)}`];
    case "Gauge":
      return [`${name}${labelText(labels)} ${numberText(series.state.value)}`];
    case "Histogram":
      return [
        ...series.state.buckets.map(
          ([le, count]) => `${name}_bucket${labelText([...labels, ["le", numberText(le)]])} ${count}`,
        ),
        `${name}_bucket${labelText([...labels, ["le", "+Inf"]])} ${series.state.count}`,
        `${name}_sum${labelText(labels)} ${numberText(series.state.sum)}`,
        `${name}_count${labelText(labels)} ${series.state.count}`,
      ];
    // Not made by this package, and without a plain form in the text format.
    case "Frequency":
    case "Summary":
      return [];
  }
};

const labelText = (labels: ReadonlyArray<readonly [string, string]>): string =>
  labels.length === 0 ? "" : `{${labels.map(([key, value]) => `${key}="${escapeLabel(value)}"`).join(",")}}`;
const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
const numberText = (value: number | bigint): string =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
