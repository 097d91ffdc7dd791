/** Commands of the design that are not whole yet. They are refused by name rather than half done. */
export const LATER: ReadonlyArray<readonly [name: string, what: string]> = [
  ["plan", "what a configuration change would do"],
  ["reconcile", "use 'dray reconciler --once'"],
  ["image", "where an image is"],
  ["explain", "which route sends an image where"],
  ["wait", "gate for pipelines"],
  ["stop-deletes", "stopping all deletions"],
  ["allow-deletes", "allowing deletions again"],
  ["approve", "approving a plan"],
  ["undo", "undoing a plan"],
  ["adopt", "taking over existing tags"],
  ["hold", "holding a tag"],
  ["release", "releasing a held tag"],
  ["restore", "time travel"],
  ["promote", "promotion"],
  ["bundle", "air gap bundles"],
];
