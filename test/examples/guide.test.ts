import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const GUIDE = new URL("../../docs/adapters.md", import.meta.url);
const FOLDER = new URL("acme-adapter/", import.meta.url);
/** A file of the example: its name in bold, then its text. */
const BLOCK = /\*\*`([\w.-]+\.ts)`\*\*\n\n```ts\n[\s\S]*?\n```\n/g;

/** The guide with every file as it is on disk, where it is type-checked, linted and tested. */
const written = (guide: string): string =>
  guide.replaceAll(BLOCK, (_, name: string) => block(name, readFileSync(new URL(name, FOLDER), "utf8")));
const block = (name: string, text: string): string => `**\`${name}\`**\n\n\`\`\`ts\n${text.trimEnd()}\n\`\`\`\n`;

describe("docs/adapters.md", () => {
  it("shows the example as it is tested (UPDATE_DOCS=1 writes it again)", () => {
    const guide = readFileSync(GUIDE, "utf8");
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(GUIDE, written(guide));
    expect(readFileSync(GUIDE, "utf8")).toBe(written(guide));
  });

  it("shows every file of it", () => {
    const shown = [...readFileSync(GUIDE, "utf8").matchAll(BLOCK)].map(([, name]) => name);
    expect(shown.sort()).toEqual(readdirSync(FOLDER).sort());
  });

  it("names no file that is not there", () => {
    const paths = [...readFileSync(GUIDE, "utf8").matchAll(/`((?:packages|test|docs)\/[\w./-]+\.(?:ts|md))`/g)];
    expect(paths.length).toBeGreaterThan(0);
    for (const [, path = ""] of paths) readFileSync(new URL(`../../${path}`, import.meta.url));
  });
});
