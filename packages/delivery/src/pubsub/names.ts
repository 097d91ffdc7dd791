/** What `dray bus apply` makes for one target. Topic and subscription of one line have the same last part. */
export interface BusNames {
  readonly target: string;
  /** Work items, from the control side to the replicators of the target. */
  readonly work: Line;
  /** Questions and outcomes, from the replicators to the control side. One for each target, so that who may write it speaks for no other target. */
  readonly inbox: Line;
  /** Answers, from the control side to the replicators. */
  readonly answers: Line;
  /** Work items that no replicator could take. */
  readonly dead: Line;
}
export interface Line {
  /** `projects/PROJECT/topics/ID` */
  readonly topic: string;
  /** `projects/PROJECT/subscriptions/ID` */
  readonly subscription: string;
}

/** A prefix has no dot, so the first one ends it and the last one begins what it is: no two prefixes and targets share a name. */
export const busNames = (project: string, topicPrefix: string, target: string): BusNames => {
  const line = (what: string): Line => {
    const id = `${topicPrefix}.${target}.${what}`;
    return { topic: `projects/${project}/topics/${id}`, subscription: `projects/${project}/subscriptions/${id}` };
  };
  return { target, work: line("work"), inbox: line("inbox"), answers: line("answers"), dead: line("dead") };
};

/** Attributes of messages. Values are text; they can be read where the data cannot. */
export const ATTRIBUTES = {
  instance: "instance",
  delivery: "delivery",
  generation: "generation",
  /** Of an answer: the process that asked. */
  to: "to",
  /** Of an answer: ISO time after which nobody waits for it. */
  until: "until",
} as const;
