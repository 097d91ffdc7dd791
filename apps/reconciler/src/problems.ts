/** What kept a comparison from being complete: a line for people, and the targets that cannot be said to be in step because of it. */
export interface Problem {
  readonly message: string;
  readonly targets: ReadonlyArray<string>;
}

export interface Problems {
  readonly note: (problem: Problem) => void;
  /** The first ones, each line once. */
  readonly messages: () => ReadonlyArray<string>;
  /** Targets of which not everything is known, sorted. */
  readonly targets: () => ReadonlyArray<string>;
  readonly any: () => boolean;
}

/** Lines kept of one run: the first ones tell the story, and a million tags of a registry that is down must not fill our memory. */
const PROBLEMS_MOST = 100;

/** Collects without bound in time and with bound in memory. */
export const makeProblems = (): Problems => {
  const messages = new Set<string>();
  const targets = new Set<string>();
  let any = false;
  return {
    note: (problem) => {
      any = true;
      if (messages.size < PROBLEMS_MOST) messages.add(problem.message);
      for (const target of problem.targets) targets.add(target);
    },
    messages: () => [...messages],
    targets: () => [...targets].sort(),
    any: () => any,
  };
};
