/** What the end-to-end tests need beyond npm. */
export interface NeededTool {
  /** The command. */
  readonly command: string;
  /** The Debian (and Ubuntu) package that holds it. */
  readonly package: string;
  /** Asks for the version: the tool has to start and end with 0. */
  readonly probe: ReadonlyArray<string>;
  /** It is copied into images, where there is no library: it has to be linked statically. */
  readonly static: boolean;
}

export const NEEDED = {
  dockerRegistry: { command: "docker-registry", package: "docker-registry", probe: ["--version"], static: false },
  skopeo: { command: "skopeo", package: "skopeo", probe: ["--version"], static: false },
  umoci: { command: "umoci", package: "umoci", probe: ["--version"], static: false },
  busybox: { command: "busybox", package: "busybox-static", probe: ["true"], static: true },
} as const satisfies Readonly<Record<string, NeededTool>>;

export type ToolName = keyof typeof NEEDED;

/** Absolute path of each tool's command. */
export type Tools = Readonly<Record<ToolName, string>>;

export const TOOL_NAMES = Object.keys(NEEDED) as ReadonlyArray<ToolName>;
