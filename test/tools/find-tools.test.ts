import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { isStatic } from "./elf.ts";
import { run } from "./run.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const CHECK_NODE = fileURLToPath(new URL("../../tools/check-node.mjs", import.meta.url));

it("without tools and without apt-get it ends with one line that says what to do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drayage-tools-"));
  try {
    const env = { PATH: folder, DRAYAGE_TEST_TOOLS: "debian", DRAYAGE_TEST_TOOLS_CACHE: folder };
    const { code, stdout, stderr } = await run(process.execPath, [MAIN], { env });
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    for (const word of ["docker-registry", "skopeo", "umoci", "busybox-static", "apt-get"])
      expect(stderr).toContain(word);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("knows a program that needs a loader from a file that is no program", async () => {
  expect(await isStatic(process.execPath)).toBe(false);
  expect(await isStatic(MAIN)).toBe(false);
});

it("the Node of these tests is one that runs the product", async () => {
  expect(await run(process.execPath, ["--import", CHECK_NODE, "-e", ""])).toMatchObject({ code: 0, stderr: "" });
});
