import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { ProxyAnswer, ProxyOrder, SideCount } from "./proxy.ts";

/** A running proxy before two registries. */
export interface Proxy {
  /** One for each registry, in their order. */
  readonly ports: ReadonlyArray<number>;
  /** What passed since the last call. */
  readonly count: () => Promise<ReadonlyArray<SideCount>>;
  readonly stop: () => void;
}

/** `delayMs` is added to the time of every answer. */
export const startProxy = async (upstreams: ReadonlyArray<number>, delayMs: number): Promise<Proxy> => {
  const child = fork(join(import.meta.dirname, "proxy.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const started = await ask(child, { _tag: "Start", upstreams, delayMs });
  if (started._tag !== "Started") throw new Error("the proxy did not start");
  return {
    ports: started.ports,
    count: async () => {
      const counted = await ask(child, { _tag: "Count" });
      return counted._tag === "Counted" ? counted.sides : [];
    },
    stop: () => child.kill(),
  };
};

const ask = (child: ChildProcess, order: ProxyOrder): Promise<ProxyAnswer> =>
  new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the proxy ended with ${code}`));
    child.once("exit", onExit);
    child.once("message", (answer: ProxyAnswer) => {
      child.off("exit", onExit);
      resolve(answer);
    });
    child.send(order);
  });
