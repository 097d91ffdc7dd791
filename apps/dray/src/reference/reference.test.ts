import { readFile, writeFile } from "node:fs/promises";
import { EVENT_TYPES } from "@drayage/domain";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { EXAMPLES } from "../examples.ts";
import { examplesOf, pathOf, program } from "../program.ts";
import { commandReference, leaves } from "./command.test-support.ts";
import { eventReference } from "./events.test-support.ts";

describe("the reference", () => {
  it.each([
    ["command.md", commandReference],
    ["events.md", eventReference],
  ])("docs/reference/%s is what the code says", async (name, made) => {
    const file = new URL(`../../../../docs/reference/${name}`, import.meta.url);
    if (process.env["UPDATE_DOCS"] === "1") await writeFile(file, made());
    expect(await readFile(file, "utf8")).toBe(made());
  });

  it("names every command and every type of event", () => {
    for (const [tag, type] of Object.entries(EVENT_TYPES)) {
      expect(eventReference()).toContain(`## ${tag}\n\n\`${type}\``);
    }
    const names = [
      "up",
      "ingest",
      "dispatcher",
      "admin",
      "replicator",
      "reconciler",
      "copy",
      "diff",
      "status",
      "events",
      "events export",
    ];
    const rest = [
      "doctor",
      "retry",
      "discard",
      "pause",
      "resume",
      "backfill",
      "replay",
      "bus apply",
      "config check",
      "config schema",
      "artifactory webhook apply",
      "demo",
      "complete",
    ];
    expect(leaves(program()).map(pathOf)).toEqual([...names, ...rest].map((name) => `dray ${name}`));
  });
});

describe("the examples", () => {
  const all = Object.values(EXAMPLES).flat();

  it.each(all)("%s is understood", (example) => {
    const words = [...example.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
    const args = words.slice(words.indexOf("dray") + 1);
    const until = args.indexOf(">");
    const [command, rest] = find(program(), until < 0 ? args : args.slice(0, until));
    const { operands, unknown } = command.parseOptions([...rest]);
    expect(unknown).toEqual([]);
    const needed = command.registeredArguments.filter(({ required }) => required).length;
    expect(operands.length).toBeGreaterThanOrEqual(needed);
    expect(command.commands.length === 0 || command.options.length > 0).toBe(true); // it does something itself
  });

  it("belong to commands that there are", () => {
    const used = leaves(program()).map(examplesOf);
    for (const examples of Object.values(EXAMPLES)) expect(used).toContain(examples);
  });
});

/** The command that words lead to, and the words after its name. Options of the program may stand before it. */
const find = (parent: Command, words: ReadonlyArray<string>): readonly [Command, ReadonlyArray<string>] => {
  const { operands, unknown } = parent.parseOptions([...words]);
  const child = parent.commands.find((one) => one.name() === operands[0]);
  return child === undefined ? [parent, [...operands, ...unknown]] : find(child, [...operands.slice(1), ...unknown]);
};
