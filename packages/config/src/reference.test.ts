import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { documentSchemaNode, formsOf, knownKeys, type SchemaNode } from "./known-keys.ts";
import { jsonSchema, referenceMarkdown } from "./reference.ts";

const FILE = fileURLToPath(new URL("../../../docs/reference/configuration.md", import.meta.url));

describe("the reference", () => {
  it("docs/reference/configuration.md is what the schema says", async () => {
    if (process.env["UPDATE_DOCS"] === "1") {
      await mkdir(dirname(FILE), { recursive: true });
      await writeFile(FILE, referenceMarkdown());
    }
    expect(await readFile(FILE, "utf8")).toBe(referenceMarkdown());
  });

  it("every key has a description, and every optional key a default or a sentence that gives it", () => {
    const bare: Array<string> = [];
    const walk = (node: SchemaNode, path: string): void => {
      for (const form of formsOf(node)) {
        for (const [key, child] of Object.entries(form.properties ?? {})) {
          const at = `${path}.${key}`;
          if (child.description === undefined) bare.push(`${at}: no description`);
          const told = /default|without it/i.test(child.description ?? "");
          if (form.required?.includes(key) !== true && child.default === undefined && !told)
            bare.push(`${at}: no default`);
          walk(child, at);
        }
        if (typeof form.additionalProperties === "object") walk(form.additionalProperties, `${path}.<name>`);
        if (form.items !== undefined) walk(form.items, `${path}[]`);
      }
    };
    walk(documentSchemaNode(), "");
    expect(bare).toEqual([]);
  });

  it("the JSON Schema is plain JSON and forbids unknown keys", () => {
    const schema = jsonSchema();
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    expect(schema).toMatchObject({ type: "object", additionalProperties: false, required: ["registries"] });
  });

  it("known keys are found through lists, names and forms", () => {
    expect(knownKeys([])).toContain("routes");
    expect(knownKeys(["registries", "any", "auth"])).toEqual(expect.arrayContaining(["username", "password", "token"]));
    expect(knownKeys(["routes", 3, "to", 0])).toEqual(["registry", "repository", "tag", "bytesFrom"]);
    expect(knownKeys(["nothing", "here"])).toEqual([]);
  });
});
