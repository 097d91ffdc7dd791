import { isTestFile } from "./workspaces.ts";

/** What must not be written anywhere, or only in the files that are named. */
export interface TextRule {
  readonly why: string;
  readonly files: (path: string) => boolean;
  readonly forbidden: RegExp;
  /** Files that may, each with its reason. One that no longer does is an error too: the list only shrinks. */
  readonly except?: Readonly<Record<string, string>>;
  /** Something that `forbidden` must find. */
  readonly wrong: string;
}

const isSource = (path: string): boolean => /^(packages|apps)\/[^/]+\/src\/.*\.ts$/.test(path);
/** The rules themselves have to write what they forbid. */
const isRule = (path: string): boolean => path.startsWith("test/architecture/");

export const TEXT_RULES: ReadonlyArray<TextRule> = [
  {
    why: "packages do not read the environment: configuration is given to them",
    files: (path) => path.startsWith("packages/") && isSource(path) && !isTestFile(path),
    forbidden: /\bprocess\.env\b/,
    except: {
      "packages/event-log/src/embedded/cluster.ts":
        "PATH for the database's own programs, which get nothing else of ours",
      "packages/oci-core/src/registry/docker-config.ts":
        "where Docker keeps its credentials is said by Docker's own variables",
      "packages/runtime/src/role.ts":
        "where the process of an app starts, and hands its environment to the configuration",
      "packages/runtime/src/logging.ts": "how a process logs is known before its configuration is read",
    },
    wrong: "const home = process.env.HOME;",
  },
  {
    why: "a test is run or it is not there",
    files: (path) => path.endsWith(".test.ts") && !isRule(path),
    forbidden: /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|only|todo|skipIf|runIf)\b/,
    wrong: 'it.skip("later", () => {});',
  },
  {
    why: "what is not there is refused by a typed error: no stubs and no notes to ourselves",
    files: (path) => isSource(path) || (path.startsWith("test/") && !isRule(path)),
    forbidden: /\bTODO\b|\bFIXME\b|\bXXX\b|\b[Nn]ot (?:yet )?implemented\b/,
    wrong: "// TODO: the other half",
  },
  {
    why: "the lock file names versions and no host of a package registry, so that everybody installs from their own",
    files: (path) => path.endsWith("package-lock.json"),
    forbidden: /"resolved": "https?:/,
    wrong: '"resolved": "https://packages.example/zod/-/zod-4.6.7.tgz"',
  },
  {
    why: "strict types all the way: no any, no double cast",
    files: (path) => isSource(path),
    forbidden: /\bas unknown as\b|@ts-(?:ignore|nocheck|expect-error)/,
    wrong: "const config = raw as unknown as Config;",
  },
];
