import Table from "cli-table3";
import colors from "picocolors";

/** A plain table for people: no frame, two spaces between columns, headings dim. */
export const table = (headings: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const blank = {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  };
  const made = new Table({
    head: headings.map((heading) => colors.dim(heading)),
    chars: blank,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  for (const row of rows) made.push([...row]);
  return `${made.toString().replaceAll(/ +$/gm, "")}\n`;
};

/** Age of something as people say it: `4s`, `12m`, `3h`, `5d`. */
export const age = (since: Date | string | undefined | null, now: Date): string => {
  if (since === undefined || since === null) return "-";
  const seconds = Math.max(0, Math.round((now.getTime() - new Date(since).getTime()) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
};

export const json = (value: unknown): string => `${JSON.stringify(value)}\n`;
