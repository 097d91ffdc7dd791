import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Acts } from "./acts.ts";
import { makeApi } from "./api.ts";
import type { Reads } from "./reads.ts";

const FILE = fileURLToPath(new URL("../../../docs/reference/openapi.json", import.meta.url));

const never = () => Promise.reject(new Error("the document asks nobody"));
const reads: Reads = {
  targets: never,
  deliveries: never,
  image: never,
  rescans: never,
  events: never,
  follow: never,
  metrics: never,
};
const acts: Acts = {
  isTarget: () => false,
  pause: never,
  resume: never,
  pauseBackfill: never,
  resumeBackfill: never,
  setWindow: never,
  retry: never,
  discard: never,
  replay: never,
};
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly parameters?: ReadonlyArray<Parameter>; readonly responses: object }>>
    >
  >;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: object;
}
const document = async (): Promise<Document> =>
  (await (await makeApi(reads, acts, { tokens: [] }).request("/openapi.json")).json()) as Document;

describe("the document at /openapi.json", () => {
  it("is docs/reference/openapi.json", async () => {
    const served = await document();
    // Compared as a document: how it is laid out is the formatter's business (npm run format).
    if (process.env["UPDATE_DOCS"] === "1") {
      await mkdir(dirname(FILE), { recursive: true });
      await writeFile(FILE, `${JSON.stringify(served, undefined, 2)}\n`);
    }
    expect(JSON.parse(await readFile(FILE, "utf8"))).toEqual(served);
  });

  it("names every route, and each says how it refuses", async () => {
    const { openapi, paths } = await document();
    expect(openapi).toBe("3.1.0");
    expect(Object.keys(paths).sort()).toEqual([
      "/api/v1/deliveries",
      "/api/v1/deliveries/discard",
      "/api/v1/deliveries/retry",
      "/api/v1/events",
      "/api/v1/events/stream",
      "/api/v1/images",
      "/api/v1/replays",
      "/api/v1/rescans",
      "/api/v1/targets",
      "/api/v1/targets/{target}/pause",
      "/api/v1/targets/{target}/resume",
    ]);
    const refusals = { get: ["400", "401", "403", "503"], post: ["400", "401", "403", "404", "413", "415", "503"] };
    for (const methods of Object.values(paths))
      for (const [method, { responses }] of Object.entries(methods))
        expect(Object.keys(responses)).toEqual(["200", ...refusals[method === "get" ? "get" : "post"]]);
  });

  it("says what a query really takes", async () => {
    const { paths } = await document();
    const parameters = Object.values(paths).flatMap(({ get }) => get?.parameters ?? []);
    for (const name of ["after", "limit", "last-event-id"])
      expect(parameters.filter((one) => one.name === name)).not.toEqual([]);
    for (const { name, schema } of parameters)
      if (name === "limit") expect(schema).toEqual({ type: "integer", minimum: 1, maximum: 1000, default: 100 });
  });
});
