import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { CHECKOUT } from "./dray.ts";
import { freePorts } from "./ports.ts";
import { type Child, start, tail } from "./process.ts";
import { Hopeless, waitFor } from "./wait.ts";

/** `drayage-ingest` as a process of its own. */
export interface Ingest {
  readonly url: string;
  readonly child: () => Child;
  /** Starts it, and waits until it is ready. */
  readonly up: () => Promise<void>;
  /** Tells of a push to `app:<tag>`: the position that was answered, or undefined when it was not accepted. */
  readonly push: (tag: string) => Promise<number | undefined>;
}

/** A database that was killed recovers first. */
const READY_WITHIN_MS = 60_000;

/** With an open registry `lab` of type `oci`. `more` goes into the configuration. */
export const prepareIngest = async (folder: string, more: Readonly<Record<string, unknown>>): Promise<Ingest> => {
  const [port = 0] = await freePorts(1);
  const config = join(folder, `ingest-${port}.yaml`);
  const lab = { type: "oci", url: "http://127.0.0.1:1", auth: "anonymous" };
  const configuration = {
    version: 1,
    instance: "durable",
    dataDir: join(folder, "data"),
    http: { ingest: { port } },
    registries: { lab, copy: { ...lab, url: "http://127.0.0.1:2" } },
    routes: [{ from: "lab", select: { repositories: ["**"] }, to: [{ registry: "copy" }] }],
    ...more,
  };
  await writeFile(config, JSON.stringify(configuration)); // JSON is YAML
  const url = `http://127.0.0.1:${port}`;
  let child: Child | undefined;
  const current = (): Child => child ?? fail();
  return {
    url,
    child: current,
    up: async () => {
      const main = join(CHECKOUT, "apps/ingest/src/main.ts");
      const args = ["--conditions=drayage-source", main, "--config", config];
      const started = await start(process.execPath, args, { name: "ingest", log: join(folder, `ingest-${port}.log`) });
      child = started;
      const ready = async (): Promise<boolean> => {
        if (!started.running()) throw new Hopeless("it ended");
        const answer = await request(`${url}/readyz`, { reset: true });
        await answer.body.dump();
        return answer.statusCode === 200;
      };
      await waitFor(ready, { what: "ingest to be ready", withinMs: READY_WITHIN_MS, explain: () => tail(started) });
    },
    push: async (tag) => {
      const target = { repository: "app", tag, mediaType: "application/vnd.oci.image.manifest.v1+json" };
      const body = JSON.stringify({ events: [{ id: tag, action: "push", target }] });
      const headers = { "content-type": "application/json" };
      const answer = await request(`${url}/notifications/lab`, { method: "POST", body, headers });
      const text = await answer.body.text();
      return answer.statusCode === 202 ? (JSON.parse(text) as { positions: number[] }).positions[0] : undefined;
    },
  };
};

const fail = (): never => {
  throw new Error("ingest was not started");
};
