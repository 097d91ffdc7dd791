import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTools } from "../../tools/find-tools.ts";
import type { Tools } from "../../tools/needed.ts";
import { type Dray, prepareDray } from "./dray.ts";
import { type DockerRegistry, type NotificationEndpoint, startDockerRegistry } from "./registry.ts";
import { type Skopeo, skopeo } from "./skopeo.ts";

/** A source, targets, `dray up` between them, and clients: all real, all on loopback, all in one temporary folder. */
export interface Lab {
  readonly folder: string;
  readonly tools: Tools;
  readonly skopeo: Skopeo;
  readonly source: DockerRegistry;
  readonly targets: ReadonlyArray<DockerRegistry>;
  /** Prepared, not started. */
  readonly dray: Dray;
  readonly notifications: NotificationEndpoint;
  /** Keep `lab` until the test has ended: without this its processes stay until the run ends. */
  readonly dispose: () => Promise<void>;
}

export interface LabOptions {
  /** Names of the targets. Default: two. */
  readonly targets?: ReadonlyArray<string> | undefined;
  /** Keys of the route besides `name`, `from` and `to`. */
  readonly route?: Readonly<Record<string, unknown>> | undefined;
  /** Further keys of `drayage.yaml`, e.g. `bus`. */
  readonly more?: Readonly<Record<string, unknown>> | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly checkout?: ((folder: string) => Promise<string>) | undefined;
}

/** As a secret of the configuration, and in the header that the registry sends. */
const SECRET = "end-to-end";
/** Never during a test: what arrives there arrived by notifications, or by a reconciliation that the test asked for. */
const NEVER = "0 0 1 1 *";

export const openLab = async (options: LabOptions = {}): Promise<Lab> => {
  const { targets: names = ["near", "far"], route = {}, more = {}, env = {}, checkout } = options;
  const tools = await findTools();
  // 0700, as mkdtemp makes it: no other user may pass. DESIGN.md section 9 wants that to work, for root too.
  const folder = await mkdtemp(join(tmpdir(), "drayage-e2e-"));
  const opened: Array<() => Promise<void>> = [() => rm(folder, { recursive: true, force: true, maxRetries: 3 })];
  const dispose = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const registry = async (name: string): Promise<DockerRegistry> => {
      const started = await startDockerRegistry({ name, command: tools.dockerRegistry, folder: join(folder, name) });
      opened.push(() => started.stop("SIGKILL"));
      return started;
    };
    const source = await registry("source");
    const targets: DockerRegistry[] = [];
    for (const name of names) targets.push(await registry(name));
    const dray = await prepareDray({
      folder: join(folder, "dray"),
      configuration: { ...configuration(source, targets, route), ...more },
      env: { DRAYAGE_E2E_SECRET: SECRET, ...env },
      checkout: await checkout?.(join(folder, "checkout")),
    });
    opened.push(dray.dispose);
    const notifications = {
      url: `${dray.ingestUrl}/notifications/source`,
      headers: { Authorization: `Bearer ${SECRET}` },
    };
    await source.restart({ notifications });
    return { folder, tools, skopeo: skopeo(tools.skopeo, folder), source, targets, dray, notifications, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
};

const configuration = (
  source: DockerRegistry,
  targets: ReadonlyArray<DockerRegistry>,
  route: Readonly<Record<string, unknown>>,
) => ({
  instance: "end-to-end",
  registries: Object.fromEntries([
    [
      "source",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own placeholder
      { type: "oci", url: source.url, auth: "anonymous", notifications: { secret: "${env:DRAYAGE_E2E_SECRET}" } },
    ],
    ...targets.map(({ name, url }) => [name, { type: "oci", url, auth: "anonymous" }] as const),
  ]),
  routes: [
    {
      name: "all",
      from: "source",
      select: { repositories: ["**"], tags: ["*"] },
      to: targets.map(({ name }) => ({ registry: name, repository: "copies/{repository}" })),
      ...route,
    },
  ],
  reconcile: { changed: NEVER, full: NEVER },
});

/** Where the lab's route puts a source repository. */
export const copyOf = (repository: string): string => `copies/${repository}`;
