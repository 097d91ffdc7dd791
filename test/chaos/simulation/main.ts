// `npm run simulate -- [--seeds 2000] [--from 1] | [--seed N] [--profile NAME] [--mutant NAME] [--quiet]`: plays schedules and judges them.
import { parseArgs } from "node:util";
import { playMany } from "./many.ts";
import { isMutant, MUTANTS } from "./mutants.ts";
import { isProfile } from "./scenario.ts";
import { play, type Verdict } from "./schedule.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    profile: { type: "string" },
    mutant: { type: "string" },
    quiet: { type: "boolean", default: false },
  },
});

const usage = (problem: string): never => {
  process.stderr.write(
    `${problem}\nusage: npm run simulate -- [--seeds N] [--from N] [--seed N] [--profile NAME] [--mutant NAME] [--quiet]\n`,
  );
  process.exit(2);
};
const whole = (name: string, text: string): number => {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : usage(`--${name} is a whole number, not ${text}`);
};
const { profile, mutant } = values;
if (profile !== undefined && !isProfile(profile)) usage(`there is no profile ${profile}`);
if (mutant !== undefined && !isMutant(mutant))
  usage(`there is no mutant ${mutant}: ${Object.keys(MUTANTS).join(", ")}`);
const common = {
  profile: profile !== undefined && isProfile(profile) ? profile : undefined,
  mutant: mutant !== undefined && isMutant(mutant) ? mutant : undefined,
};

const tell = ({ seed, profile: about, broken, steps, ageMs, copies, deletions }: Verdict): void => {
  const options = [values.profile && ` --profile ${values.profile}`, values.mutant && ` --mutant ${values.mutant}`]
    .filter(Boolean)
    .join("");
  process.stdout.write(
    `seed ${seed} (${about}, ${steps} steps, ${Math.round(ageMs / 1000)} s, ${copies} copies, ${deletions} deletions): ${broken.length === 0 ? "well" : "BROKEN"}\n`,
  );
  for (const rule of broken) process.stdout.write(`  ${rule}\n`);
  if (broken.length > 0 && values.seed === undefined)
    process.stdout.write(`  again, with a trace: npm run simulate -- --seed ${seed}${options}\n`);
};

const one = async (seed: number): Promise<void> => {
  const verdict = await play({
    ...common,
    seed,
    trace: values.quiet ? undefined : (line) => process.stdout.write(`${line}\n`),
  });
  tell(verdict);
  if (verdict.broken.length > 0) process.exitCode = 1;
};

/** Of those that failed, this many are told. */
const TOLD_MOST = 10;

const many = async (from: number, count: number): Promise<void> => {
  const startedAt = performance.now();
  let failed = 0;
  let steps = 0;
  const played = new Map<string, number>();
  await playMany({ from, count }, common, (verdict) => {
    steps += verdict.steps;
    played.set(verdict.profile, (played.get(verdict.profile) ?? 0) + 1);
    if (verdict.broken.length > 0) {
      failed += 1;
      if (failed <= TOLD_MOST) tell(verdict);
    }
    return true;
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const profiles = [...played].map(([name, n]) => `${name} ${n}`).join(", ");
  process.stdout.write(
    `${count} schedules (${profiles}), ${steps} steps in ${seconds.toFixed(1)} s: ${(count / seconds).toFixed(1)} schedules/s, ${failed} broken\n`,
  );
  if (failed > 0) process.exitCode = 1;
};

if (values.seed === undefined) await many(whole("from", values.from), whole("seeds", values.seeds));
else await one(whole("seed", values.seed));
