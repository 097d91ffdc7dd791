/**
 * Exit codes of `dray`, a public contract (docs/reference/command.md).
 * Commands that compare (`diff`) follow the habit of diff(1): 0 equal, 1 different, 2 could not compare.
 */
export const ExitCode = {
  /** Done, or in step. */
  ok: 0,
  /** The work failed, or the answer is no: drift found, an image not copied. */
  failed: 1,
  /** Nothing was tried or could be compared: wrong usage, wrong configuration, a side that does not answer. */
  unable: 2,
  /** A defect in Drayage: please report it with the trace. */
  defect: 70,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
