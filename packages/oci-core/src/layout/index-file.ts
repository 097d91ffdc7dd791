import { mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest, Tag } from "../model/brand.ts";
import { parseTag } from "../model/names.ts";
import { isLayoutMarker, type LayoutEntry, type LayoutIndex, readLayoutIndex } from "./wire.ts";

/** The annotation that is a tag in a layout. Source: OCI image-spec v1.1, annotations.md. */
export const REFERENCE_NAME = "org.opencontainers.image.ref.name";
const MARKER = '{"imageLayoutVersion":"1.0.0"}';
const EMPTY: LayoutIndex = { schemaVersion: 2, manifests: [] };

/** What is wrong with a directory that should be an OCI image layout. */
export class NoLayout extends Error {}

export const tagOf = ({ annotations }: LayoutEntry): Tag | undefined => parseTag(annotations?.[REFERENCE_NAME] ?? "");

/** `index.json` of one layout. Changes are made one after the other and in one step each, so that a reader never sees half a file. */
export class IndexFile {
  readonly #directory: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Its entries in order. Throws `NoLayout` for a directory that is something else, and what the file system throws. */
  async read(): Promise<LayoutIndex> {
    const marker = await readFile(join(this.#directory, "oci-layout"), "utf8").catch(ifAbsent);
    if (marker === undefined)
      throw new NoLayout(`${this.#directory} is no OCI image layout: it has no file oci-layout`);
    if (!isLayoutMarker(jsonOf(marker)))
      throw new NoLayout(`${this.#directory}/oci-layout names a version we do not know`);
    const text = await readFile(join(this.#directory, "index.json"), "utf8");
    const index = readLayoutIndex(jsonOf(text));
    if (index === undefined) throw new NoLayout(`${this.#directory}/index.json is no index of an OCI image layout`);
    return index;
  }

  /** Reads, changes and writes; makes the layout where the directory is empty or missing. `undefined` leaves it as it is. */
  change(edit: (entries: ReadonlyArray<LayoutEntry>) => ReadonlyArray<LayoutEntry> | undefined): Promise<void> {
    const next = this.#last.then(async () => {
      await this.#make();
      const index = await this.read();
      const manifests = edit(index.manifests);
      if (manifests !== undefined) await this.#write({ ...index, manifests: [...manifests] });
    });
    // A change that failed is told to whoever asked for it, and hinders no later one.
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #make(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const marker = join(this.#directory, "oci-layout");
    if ((await readFile(marker, "utf8").catch(ifAbsent)) !== undefined) return;
    await this.#write(EMPTY);
    await writeFile(marker, MARKER);
  }

  async #write(index: LayoutIndex): Promise<void> {
    const temporary = join(this.#directory, `index.json.${process.pid}`);
    const file = await open(temporary, "w");
    try {
      await file.writeFile(`${JSON.stringify(index, null, 2)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.#directory, "index.json"));
  }
}

/** The entries with the tag pointing to this manifest and to nothing else; what it pointed to stays as content. */
export const withTag = (
  entries: ReadonlyArray<LayoutEntry>,
  tag: Tag,
  entry: LayoutEntry,
): ReadonlyArray<LayoutEntry> => [
  ...entries.filter((one) => tagOf(one) !== tag),
  { ...entry, annotations: { ...entry.annotations, [REFERENCE_NAME]: tag } },
];

/** The entries with this manifest among them, without a tag. */
export const withEntry = (
  entries: ReadonlyArray<LayoutEntry>,
  entry: LayoutEntry,
): ReadonlyArray<LayoutEntry> | undefined =>
  entries.some(({ digest }) => digest === entry.digest) ? undefined : [...entries, entry];

export const without = (
  entries: ReadonlyArray<LayoutEntry>,
  reference: Tag | Digest,
): ReadonlyArray<LayoutEntry> | undefined => {
  const kept = entries.filter((one) => one.digest !== reference && tagOf(one) !== reference);
  return kept.length === entries.length ? undefined : kept;
};

const ifAbsent = (cause: unknown): undefined => {
  if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
  throw cause;
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
