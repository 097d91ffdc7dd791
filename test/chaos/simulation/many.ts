import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { play, type ScheduleOptions, type Verdict } from "./schedule.ts";

/** Seeds that are handed to a thread at once. */
const HANDFUL = 10;

type Common = Omit<ScheduleOptions, "seed" | "trace">;
interface Task {
  readonly common: Common;
}

/** Plays many seeds on all processors. `onVerdict` hears of each as it ends, in no order; false ends it all. */
export const playMany = async (
  seeds: { readonly from: number; readonly count: number },
  common: Common,
  onVerdict: (verdict: Verdict) => boolean,
): Promise<void> => {
  let next = seeds.from;
  const end = seeds.from + seeds.count;
  const threads = Math.max(1, Math.min(availableParallelism(), Math.ceil(seeds.count / HANDFUL)));
  const thread = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { common } satisfies Task });
      const hand = (): void => {
        const list = Array.from({ length: Math.min(HANDFUL, end - next) }, (_, n) => next + n);
        next += list.length;
        if (list.length > 0) worker.postMessage(list);
        else void worker.terminate();
      };
      worker.on("message", (said: Verdict | "ready") => {
        if (said === "ready") return hand();
        if (!onVerdict(said)) next = end;
      });
      worker.on("error", reject);
      worker.on("exit", () => resolve());
    });
  await Promise.all(Array.from({ length: threads }, thread));
};

const isTask = (data: unknown): data is Task => typeof data === "object" && data !== null && "common" in data;

if (!isMainThread && parentPort !== null && isTask(workerData)) {
  const port = parentPort;
  const { common } = workerData;
  // Thousands of simulated errors, whose stacks nobody reads: a seed that failed is played again by itself.
  Error.stackTraceLimit = 0;
  port.on("message", async (seeds: ReadonlyArray<number>) => {
    for (const seed of seeds) port.postMessage(await play({ ...common, seed }));
    port.postMessage("ready");
  });
  port.postMessage("ready");
}
