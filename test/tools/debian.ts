import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NeededTool } from "./needed.ts";
import { works } from "./on-path.ts";
import { run } from "./run.ts";

/** Why Debian's packages could not be had, in one line. */
export class DebianError extends Error {
  override readonly name = "DebianError";
}

/**
 * Takes tools from Debian into `cache`, for root and for plain users, without installing anything: `apt-get` resolves what
 * is missing on this machine and downloads it (checked against the archive's signatures), `dpkg -x` unpacks it. The result is
 * `<cache>/tools-…/bin/<command>`: scripts that name the unpacked libraries and run the unpacked program.
 *
 * Two at the same time do no harm: each unpacks beside, and the rename decides.
 */
export const takeFromDebian = async (tools: ReadonlyArray<NeededTool>, cache: string): Promise<string> => {
  const folder = debianFolder(tools, cache);
  if (await exists(folder)) {
    if (await allWork(tools, folder)) return folder;
    await rm(folder, { recursive: true, force: true }); // e.g. a library of the machine that they used is gone
  }
  for (const command of ["apt-get", "dpkg"]) {
    if ((await run(command, ["--version"])).code !== 0) throw new DebianError(`this machine has no ${command}`);
  }
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "work-"));
  try {
    const files = await download(tools, cache, work);
    const root = join(work, "tools");
    for (const folder of ["root", "bin"]) await mkdir(join(root, folder), { recursive: true });
    for (const file of files) await must("dpkg", ["-x", file, join(root, "root")]);
    for (const tool of tools) await wrap(root, tool);
    await rename(root, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

const allWork = async (tools: ReadonlyArray<NeededTool>, folder: string): Promise<boolean> =>
  (await Promise.all(tools.map((tool) => works(tool, join(folder, "bin", tool.command))))).every(Boolean);

/** One folder for each set of tools: what is on PATH today may be missing tomorrow. */
const debianFolder = (tools: ReadonlyArray<NeededTool>, cache: string): string =>
  join(cache, `tools-${[...tools.map(({ command }) => command)].sort().join("-")}`);

/** With the machine's package lists; where there are none, or they name what the mirror no longer has, with lists of our own. */
const download = async (
  tools: ReadonlyArray<NeededTool>,
  cache: string,
  work: string,
): Promise<ReadonlyArray<string>> => {
  const machine = await downloadWith(await privateCache(cache), tools, work);
  if (machine.files !== undefined) return machine.files;
  const own = [...(await privateCache(cache)), ...(await privateLists(cache))];
  const updated = await run("apt-get", [...own, "update"]);
  const fresh = await downloadWith(own, tools, work);
  if (fresh.files !== undefined) return fresh.files;
  // apt-get update ends with 0 where a mirror could not be reached, and warns.
  const warning = updated.stderr.split("\n").find((line) => /^[EW]: /.test(line));
  throw new DebianError(
    `${lastLine(fresh.why)}${warning === undefined ? "" : `; apt-get update: ${warning.slice(3)}`}`,
  );
};

type Downloaded =
  | { readonly files: ReadonlyArray<string>; readonly why?: never }
  | { readonly files?: never; readonly why: string };

const downloadWith = async (
  options: ReadonlyArray<string>,
  tools: ReadonlyArray<NeededTool>,
  work: string,
): Promise<Downloaded> => {
  const packages = tools.map((tool) => tool.package);
  const plan = await run("apt-get", [
    ...options,
    "install",
    "--simulate",
    "--reinstall",
    "--no-install-recommends",
    ...packages,
  ]);
  if (plan.code !== 0) return { why: plan.stderr };
  // "Inst libgpgme11 (1.18.0-3+b1 Debian:12.11/stable [amd64])". Of what the tools depend on only libraries are needed to run them.
  const wanted = [...plan.stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)]
    .map(([, name = "", version = ""]) => ({ name, version }))
    .filter(({ name }) => packages.includes(name) || name.startsWith("lib"));
  const before = new Set(await readdir(work));
  const got = await run(
    "apt-get",
    [...options, "download", ...wanted.map(({ name, version }) => `${name}=${version}`)],
    {
      cwd: work,
    },
  );
  const files = (await readdir(work)).filter((file) => file.endsWith(".deb") && !before.has(file));
  if (got.code !== 0 || files.length === 0) return { why: got.stderr };
  return { files: files.map((file) => join(work, file)) };
};

/** apt writes nothing outside of our folder, takes no lock, and does not change user for a folder that only we can read. */
const privateCache = async (cache: string): Promise<ReadonlyArray<string>> => {
  const apt = join(cache, "apt");
  await mkdir(join(apt, "archives/partial"), { recursive: true });
  const user = process.getuid?.() === 0 ? ["-o", "APT::Sandbox::User=root"] : [];
  return ["-q", "-y", "-o", `Dir::Cache=${apt}`, "-o", "Debug::NoLocking=1", "-o", "Acquire::Retries=2", ...user];
};

const privateLists = async (cache: string): Promise<ReadonlyArray<string>> => {
  const state = join(cache, "state");
  await mkdir(join(state, "lists/partial"), { recursive: true });
  const lists = ["-o", `Dir::State=${state}`, "-o", `Dir::State::Lists=${join(state, "lists")}`];
  return [...lists, "-o", "Dir::State::status=/var/lib/dpkg/status"];
};

/** Finds the unpacked program and writes the script that runs it with the unpacked libraries. Static programs are copied as they are. */
const wrap = async (root: string, tool: NeededTool): Promise<void> => {
  const places = ["usr/bin", "bin", "usr/sbin", "sbin"].map((place) => join(place, tool.command));
  const found: string[] = [];
  for (const place of places) if (await exists(join(root, "root", place))) found.push(place);
  const [program] = found;
  if (program === undefined) throw new DebianError(`the package ${tool.package} holds no ${tool.command}`);
  const script = join(root, "bin", tool.command);
  if (tool.static) return cp(join(root, "root", program), script);
  const lines = [
    "#!/bin/sh",
    `here=$(CDPATH= cd -- "$(dirname -- "$0")/../root" && pwd) || exit 127`,
    `for folder in "$here"/lib/*-linux-* "$here"/usr/lib/*-linux-*; do`,
    `  [ -d "$folder" ] && LD_LIBRARY_PATH="$folder\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
    "done",
    "export LD_LIBRARY_PATH",
    `exec "$here/${program}" "$@"`,
    "",
  ];
  await writeFile(script, lines.join("\n"));
  await chmod(script, 0o755);
};

const must = async (command: string, args: ReadonlyArray<string>): Promise<void> => {
  const { code, stderr } = await run(command, args);
  if (code !== 0) throw new DebianError(`${command} ${args.join(" ")}: ${lastLine(stderr)}`);
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** apt writes its reason last, behind "E: ". */
const lastLine = (text: string): string => {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => line.startsWith("E: "));
  return (errors[0] ?? lines.at(-1) ?? "no reason given").replace(/^E: /, "");
};
