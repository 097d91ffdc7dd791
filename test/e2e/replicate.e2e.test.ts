import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { multiArchImage, runnableImage, runsFrom, writeLayout } from "./harness/images.ts";
import { copyOf, type Lab, openLab } from "./harness/lab.ts";
import { level } from "./harness/level.ts";
import { tail } from "./harness/process.ts";
import { report } from "./harness/report.ts";
import { dockerReference } from "./harness/skopeo.ts";
import { waitFor } from "./harness/wait.ts";

/** The aim is 2 s (printed); the limit only tells "by notification" from "never". */
const ARRIVES_WITHIN_MS = 60_000;

describe("a push with real clients to a real registry", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab({ route: { deletes: { mode: "mirror", confirmAfter: "0s" } } });
    await lab.dray.up();
    await level(lab.dray, ARRIVES_WITHIN_MS);
  });
  afterAll(async () => lab?.dispose());

  /** Waits until both targets answer with the bytes of the source, as skopeo sees them. */
  const sameBytes = async (repository: string, tag: string, pushedAt: number): Promise<void> => {
    const wanted = await lab.skopeo.inspectRaw(dockerReference(lab.source.url, repository, tag));
    const { digest } = (await lab.source.manifest(repository, tag)) ?? {};
    for (const target of lab.targets) {
      await waitFor(async () => (await target.manifest(copyOf(repository), tag))?.digest === digest, {
        what: `${repository}:${tag} at ${target.name}`,
        withinMs: ARRIVES_WITHIN_MS,
        explain: () => tail(lab.dray.child()),
      });
      report(`${repository}:${tag} pushed until at ${target.name}`, `${Math.round(performance.now() - pushedAt)} ms`);
    }
    for (const target of lab.targets) {
      expect(await lab.skopeo.inspectRaw(dockerReference(target.url, copyOf(repository), tag))).toBe(wanted);
    }
  };

  const pushLayout = async (name: string, seed: string, tag: string): Promise<number> => {
    const layout = await writeLayout(join(lab.folder, "layouts", name), tag, multiArchImage(seed));
    await lab.skopeo.copy(layout, dockerReference(lab.source.url, "team/web", tag));
    return performance.now();
  };

  it("brings a multi-arch image to both targets, byte for byte", async () => {
    await sameBytes("team/web", "1.0", await pushLayout("first", "first", "1.0"));
  });

  it("brings a runnable image to both targets, and it runs", async () => {
    const { tools, source, targets, skopeo, folder } = lab;
    const image = await runnableImage({ ...tools, folder });
    await skopeo.copy(image, dockerReference(source.url, "team/busybox", "1"));
    await sameBytes("team/busybox", "1", performance.now());
    for (const target of targets) {
      const pulled = join(folder, `pulled-${target.name}`);
      await mkdir(pulled);
      await skopeo.copy(dockerReference(target.url, copyOf("team/busybox"), "1"), `oci:${pulled}/layout:1`);
      expect(await runsFrom(tools.umoci, `${pulled}/layout`, "1", `${pulled}/bundle`)).toBe("it runs");
    }
  });

  it("brings an overwritten tag to both targets", async () => {
    await sameBytes("team/web", "2.0", await pushLayout("second", "second", "2.0"));
    const before = await lab.source.manifest("team/web", "2.0");
    const pushedAt = await pushLayout("third", "third", "2.0");
    expect((await lab.source.manifest("team/web", "2.0"))?.digest).not.toBe(before?.digest);
    await sameBytes("team/web", "2.0", pushedAt);
  });

  it("deletes at both targets what was deleted at the source, and nothing else", async () => {
    const { source, targets, skopeo, dray } = lab;
    const kept = await source.manifest("team/web", "1.0");
    await skopeo.delete(dockerReference(source.url, "team/web", "2.0"));
    const deletedAt = performance.now();
    for (const target of targets) {
      await waitFor(async () => (await target.manifest(copyOf("team/web"), "2.0")) === undefined, {
        what: `team/web:2.0 to go at ${target.name}`,
        withinMs: ARRIVES_WITHIN_MS,
        explain: () => tail(dray.child()),
      });
      report(`team/web:2.0 deleted until gone at ${target.name}`, `${Math.round(performance.now() - deletedAt)} ms`);
    }
    for (const target of targets) {
      expect((await target.manifest(copyOf("team/web"), "1.0"))?.digest).toBe(kept?.digest);
      expect(await target.tags(copyOf("team/busybox"))).toEqual(["1"]);
    }
  });

  it("stops with 0 when it is asked to", async () => {
    await level(lab.dray, ARRIVES_WITHIN_MS);
    expect(await lab.dray.down()).toEqual({ code: 0, signal: null });
  });
});
