// `npm run chaos -- [--minutes 5] [--changes 500] [--seed N]`: real processes, a real database server and real registries under kill -9 and partitions.
import { parseArgs } from "node:util";
import { chaos } from "./chaos.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    changes: { type: "string", default: "500" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
  },
});
const positive = (name: string, text: string): number => {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  process.stderr.write(`--${name} is a number above 0, not ${text}\n`);
  process.exit(2);
};
const say = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

const seed = Math.trunc(positive("seed", values.seed));
say(`seed ${seed}`);
const report = await chaos({
  seed,
  lastsMs: positive("minutes", values.minutes) * 60_000,
  changes: Math.trunc(positive("changes", values.changes)),
  say,
});
const { broken, ...figures } = report;
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
for (const rule of broken) process.stdout.write(`BROKEN: ${rule}\n`);
say(
  broken.length === 0
    ? "every target is what its source is"
    : `${broken.length} rules were broken; again with --seed ${seed}`,
);
process.exitCode = broken.length === 0 ? 0 : 1;
