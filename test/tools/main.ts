// Run before the end-to-end tests: finds or fetches what they need, prints where it is, or ends with one line and 1.
import { findTools } from "./find-tools.ts";

try {
  for (const [name, path] of Object.entries(await findTools())) process.stdout.write(`${name}: ${path}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
