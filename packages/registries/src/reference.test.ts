import { readFile, writeFile } from "node:fs/promises";
import { REGISTRY_TYPES, type RegistryConfig } from "@drayage/config";
import { describe, expect, it } from "vitest";
import { adapterTraits } from "./by-type.ts";

const FILE = new URL("../../../docs/reference/registries.md", import.meta.url);
const PART = /(<!-- traits -->\n)[\s\S]*?(<!-- \/traits -->)/;
const TYPES = Object.keys(REGISTRY_TYPES) as ReadonlyArray<RegistryConfig["type"]>;

const row = (type: RegistryConfig["type"]): string => {
  const {
    upload,
    presence,
    tagDelete,
    referrers,
    sparseIndex,
    conditional,
    tagPageSize,
    concurrency,
    requestsPerSecond,
    repositoryKey,
  } = adapterTraits(type);
  const cells = [
    upload,
    presence,
    tagDelete,
    referrers,
    sparseIndex,
    conditional,
    tagPageSize,
    concurrency,
    requestsPerSecond ?? "no limit",
  ];
  return `| \`${type}\` | ${cells.join(" | ")} | ${repositoryKey ? "yes" : "no"} |`;
};

const table = (): string =>
  [
    "| `type` | upload | presence | tagDelete | referrers | sparse index | conditional | page | concurrency | requests/s | key |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
    ...TYPES.map(row),
    "",
  ].join("\n");

describe("docs/reference/registries.md", () => {
  it("says what the adapters say (UPDATE_DOCS=1 writes it again)", async () => {
    const before = await readFile(FILE, "utf8");
    const written = before.replace(PART, (_, head: string, tail: string) => `${head}${table()}${tail}`);
    if (process.env["UPDATE_DOCS"] === "1") await writeFile(FILE, written);
    const now = await readFile(FILE, "utf8");
    expect(now).toMatch(PART);
    expect(now).toBe(written);
  });

  it("has a row of what they can do for every type that there is", async () => {
    const rows = (await readFile(FILE, "utf8")).split("## What they can and cannot do")[1] ?? "";
    for (const type of TYPES) expect(rows).toMatch(new RegExp(`^\\| [^|]+ \\| \`${type}\` \\|`, "m"));
  });
});
