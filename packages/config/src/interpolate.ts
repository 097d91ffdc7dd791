import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { Finding, Path } from "./problem.ts";

/** Where `${…}` gets its values. */
export interface Secrets {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `${file:…}` is relative to this directory. */
  readonly directory: string;
  /** `optional`: what is missing is replaced by a word of the right form, and told as a warning. */
  readonly mode: "required" | "optional";
}

/** A secret is a line. A larger file is not the one that was meant, and is not read into memory. */
const SECRET_BYTES_MAX = 64 * 1024;
const FORMS = `Use \${env:NAME}, \${file:PATH}, or $\${ for the characters themselves`;
const REFERENCE = /\$\$\{|\$\{([a-z-]+):([^{}]*)\}|\$\{/g;

/** What stands for a missing value, by the key that it is for, so that the checks of form still pass. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  url: "http://placeholder.invalid",
  database: "postgres://placeholder.invalid/placeholder",
  port: "1",
  hash: `sha256:${"0".repeat(64)}`,
};

/**
 * Fills `${env:NAME}` and `${file:PATH}` in every string of the document (keys are left alone; `$${` is a literal `${`). Lists the missing ones, never
 * their values. An empty variable counts as missing: an empty password is always a mistake.
 */
export const interpolate = async (
  document: unknown,
  secrets: Secrets,
): Promise<{
  readonly value: unknown;
  readonly missing: ReadonlyArray<Finding>;
  readonly wrong: ReadonlyArray<Finding>;
}> => {
  const missing: Array<Finding> = [];
  const wrong: Array<Finding> = [];

  const fill = async (text: string, path: Path): Promise<string> => {
    const whole = /^\$\{[^{}]*\}$/.test(text);
    let filled = "";
    let end = 0;
    for (const match of text.matchAll(REFERENCE)) {
      filled += text.slice(end, match.index);
      end = match.index + match[0].length;
      if (match[0] === "$${") filled += "${";
      else {
        const found = await lookUp(match[1], match[2] ?? "", secrets);
        if ("value" in found) filled += found.value;
        else {
          (found.kind === "missing" ? missing : wrong).push({ path, message: found.message, mend: found.mend });
          filled += (whole ? PLACEHOLDERS[String(path.at(-1))] : undefined) ?? "placeholder";
        }
      }
    }
    return filled + text.slice(end);
  };
  const walk = async (value: unknown, path: Path): Promise<unknown> => {
    if (typeof value === "string") return value.includes("${") ? fill(value, path) : value;
    if (Array.isArray(value)) return Promise.all(value.map((entry, index) => walk(entry, [...path, index])));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(
      async ([key, entry]) => [key, await walk(entry, [...path, key])] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  };
  return { value: await walk(document, []), missing, wrong };
};

type Found =
  | { readonly value: string }
  | { readonly kind: "missing" | "wrong"; readonly message: string; readonly mend: string };

const lookUp = async (form: string | undefined, name: string, secrets: Secrets): Promise<Found> => {
  switch (form) {
    case "env": {
      const value = secrets.env[name];
      if (value !== undefined && value !== "") return { value };
      const what = value === undefined ? "is not set" : "is empty";
      return { kind: "missing", message: `environment variable ${name} ${what}`, mend: "Set it before the start" };
    }
    case "file":
      return fileValue(resolve(secrets.directory, name));
    case "gcp-secret":
    case "aws-secret":
      return {
        kind: "wrong",
        message: `\${${form}:…} is not available in this version of drayage`,
        mend: `Use \${env:NAME} or \${file:PATH}`,
      };
    default:
      return {
        kind: "wrong",
        message: form === undefined ? "${ that is no reference" : `unknown reference \${${form}:…}`,
        mend: FORMS,
      };
  }
};

/** The newline that editors and `echo` put at the end is no part of a secret; anything else is. */
const fileValue = async (path: string): Promise<Found> => {
  const missing = (message: string): Found => ({ kind: "missing", message, mend: "Create it, or correct the path" });
  try {
    const pieces: Array<Buffer> = [];
    for await (const piece of createReadStream(path, { end: SECRET_BYTES_MAX })) pieces.push(Buffer.from(piece));
    const bytes = Buffer.concat(pieces);
    if (bytes.length > SECRET_BYTES_MAX) {
      return {
        kind: "wrong",
        message: `file ${path} is larger than ${SECRET_BYTES_MAX} bytes`,
        mend: "Name the file of the secret itself",
      };
    }
    const value = bytes.toString("utf8").replace(/\r?\n$/, "");
    return value === "" ? missing(`file ${path} is empty`) : { value };
  } catch (cause) {
    return missing(`file ${path} cannot be read (${codeOf(cause)})`);
  }
};

/** `ENOENT` and its kin, for messages. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : String(cause);
