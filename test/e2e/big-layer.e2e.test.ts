import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTools } from "../tools/find-tools.ts";
import { CHECKOUT, drayCommand } from "./harness/dray.ts";
import { bigImage, push } from "./harness/images.ts";
import { peakMemory } from "./harness/peak-memory.ts";
import { start, tail } from "./harness/process.ts";
import { type DockerRegistry, startDockerRegistry } from "./harness/registry.ts";
import { report } from "./harness/report.ts";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const LAYER_BYTES = 2 * GIB;
/** Node itself with our modules takes about 90 MiB. */
const PEAK_BYTES_MAX = 250 * MIB;

describe("dray copy of an image with a layer of 2 GiB", () => {
  let folder: string;
  let source: DockerRegistry;
  let target: DockerRegistry;
  const image = bigImage("two GiB", LAYER_BYTES);
  beforeAll(async () => {
    const { dockerRegistry: command } = await findTools();
    folder = await mkdtemp(join(tmpdir(), "drayage-e2e-"));
    source = await startDockerRegistry({ name: "source", command, folder: join(folder, "source") });
    target = await startDockerRegistry({ name: "target", command, folder: join(folder, "target") });
    await push(source.url, "team/big", "1", image);
  });
  afterAll(async () => {
    await source?.stop("SIGKILL");
    await target?.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  it("stays under 250 MiB of memory", async () => {
    const at = ({ url }: DockerRegistry): string => `${new URL(url).host}/team/big:1`;
    const begin = performance.now();
    const copy = await start(process.execPath, [...drayCommand(CHECKOUT), "copy", at(source), at(target)], {
      name: "dray copy",
      log: join(folder, "copy.log"),
    });
    const peak = await peakMemory(copy);
    const { code } = await copy.exited;
    const seconds = (performance.now() - begin) / 1000;
    expect(code, tail(copy)).toBe(0);
    report("dray copy of 2 GiB", `${seconds.toFixed(1)} s, peak ${Math.round(peak / MIB)} MiB`);
    expect((await target.manifest("team/big", "1"))?.digest).toBe(image.digest);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(PEAK_BYTES_MAX);
  });
});
