// `npm run bench -- NAME [options]`: measures one part of Drayage beside its peers, and writes the figures of a run to standard output.
// Each folder here is one benchmark, with a `bench.ts` that exports `bench(argv)`. Speed is measured here and never asserted in a test.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const here = import.meta.dirname;
const known = readdirSync(here).filter((name) => existsSync(join(here, name, "bench.ts")));
const [name = "", ...argv] = process.argv.slice(2);

if (known.includes(name)) {
  const { bench } = (await import(`./${name}/bench.ts`)) as { readonly bench: (argv: string[]) => Promise<void> };
  await bench(argv);
} else {
  process.stderr.write(`usage: npm run bench -- NAME [options], where NAME is one of: ${known.join(", ")}\n`);
  process.exitCode = 2;
}
