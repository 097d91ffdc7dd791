/** A measured figure in the output of the run: `e2e: push to near: 312 ms`. */
export const report = (what: string, figure: string): void => {
  process.stdout.write(`e2e: ${what}: ${figure}\n`);
};
