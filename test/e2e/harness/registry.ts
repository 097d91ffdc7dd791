import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { freePort } from "./ports.ts";
import { type Child, start, tail } from "./process.ts";
import { Hopeless, waitFor } from "./wait.ts";

/** Where a registry tells its changes to. */
export interface NotificationEndpoint {
  readonly url: string;
  /** Sent with each notification, e.g. `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A real `docker-registry` process on storage of its own: nothing is kept in memory but notifications that wait. */
export interface DockerRegistry {
  readonly name: string;
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly child: () => Child;
  readonly running: () => boolean;
  /** Graceful end, or SIGKILL. Notifications that wait are lost either way. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
  /** Starts again on the same port with the same content. */
  readonly restart: (change?: { readonly notifications?: NotificationEndpoint | undefined }) => Promise<void>;
  readonly tags: (repository: string) => Promise<ReadonlyArray<string>>;
  /** The manifest as it is stored, or `undefined` for a 404. */
  readonly manifest: (repository: string, reference: string) => Promise<StoredManifest | undefined>;
  /** Deletes by digest, as this registry does: all tags of the digest go. */
  readonly deleteManifest: (repository: string, digest: string) => Promise<void>;
}

export interface StoredManifest {
  readonly bytes: Buffer;
  readonly digest: string;
  readonly mediaType: string;
}

export interface DockerRegistryOptions {
  readonly name: string;
  /** Path of the command. */
  readonly command: string;
  /** Configuration, storage and log go here. */
  readonly folder: string;
  readonly notifications?: NotificationEndpoint | undefined;
}

// Every request has a connection of its own (`reset`): a registry that was restarted has closed the old ones.
const START_WITHIN_MS = 15_000;
const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export const startDockerRegistry = async (options: DockerRegistryOptions): Promise<DockerRegistry> => {
  const { name, command, folder } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const launch = async (notifications: NotificationEndpoint | undefined): Promise<Child> => {
    await mkdir(folder, { recursive: true });
    const file = join(folder, "config.yml");
    // JSON is YAML.
    await writeFile(file, JSON.stringify(configuration(folder, port, notifications), null, 2));
    const child = await start(command, ["serve", file], { name, log: join(folder, "registry.log") });
    await waitFor(
      async () => {
        if (!child.running()) throw new Hopeless("it ended");
        const answer = await request(`${url}/v2/`, { reset: true });
        await answer.body.dump();
        return answer.statusCode === 200;
      },
      { what: `${name} on ${url}`, withinMs: START_WITHIN_MS, explain: () => tail(child) },
    );
    return child;
  };
  let notifications = options.notifications;
  let child = await launch(notifications);
  return {
    name,
    port,
    url,
    child: () => child,
    running: () => child.running(),
    stop: async (signal = "SIGTERM") => {
      await child.stop({ signal, withinMs: 5_000 });
    },
    restart: async (change = {}) => {
      if (child.running()) await child.stop({ withinMs: 5_000 });
      if ("notifications" in change) notifications = change.notifications;
      child = await launch(notifications);
    },
    tags: (repository) => tagsOf(url, repository),
    manifest: (repository, reference) => manifestOf(url, repository, reference),
    deleteManifest: async (repository, digest) => {
      const path = `/v2/${repository}/manifests/${digest}`;
      const answer = await request(`${url}${path}`, { method: "DELETE", reset: true });
      const text = await answer.body.text();
      if (answer.statusCode !== 202) throw new Error(`DELETE ${repository}@${digest}: ${answer.statusCode} ${text}`);
    },
  };
};

/** Delete is on. Failed notifications are tried again every 200 ms from the third on: a `dray up` that is away is told soon after it is back. */
const configuration = (folder: string, port: number, notifications: NotificationEndpoint | undefined) => ({
  version: 0.1,
  log: { level: "warn", accesslog: { disabled: true } },
  storage: { filesystem: { rootdirectory: join(folder, "storage") }, delete: { enabled: true } },
  http: { addr: `127.0.0.1:${port}`, secret: "the uploads of a test survive a restart" },
  ...(notifications === undefined ? {} : { notifications: { endpoints: [endpoint(notifications)] } }),
});

const endpoint = ({ url, headers = {} }: NotificationEndpoint) => ({
  name: "drayage",
  url,
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
  timeout: "5s",
  threshold: 3,
  backoff: "200ms",
  ignoredmediatypes: ["application/octet-stream"],
});

const tagsOf = async (url: string, repository: string): Promise<ReadonlyArray<string>> => {
  const answer = await request(`${url}/v2/${repository}/tags/list`, { reset: true });
  const text = await answer.body.text();
  if (answer.statusCode === 404) return [];
  if (answer.statusCode !== 200) throw new Error(`tags of ${url}/${repository}: ${answer.statusCode} ${text}`);
  const { tags } = JSON.parse(text) as { readonly tags: ReadonlyArray<string> | null };
  return [...(tags ?? [])].sort();
};

const manifestOf = async (url: string, repository: string, reference: string): Promise<StoredManifest | undefined> => {
  const path = `/v2/${repository}/manifests/${reference}`;
  const answer = await request(`${url}${path}`, { headers: { accept: ACCEPT }, reset: true });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  if (answer.statusCode === 404) return undefined;
  if (answer.statusCode !== 200) throw new Error(`${url}/${repository}:${reference}: ${answer.statusCode} ${bytes}`);
  const digest = String(answer.headers["docker-content-digest"]);
  return { bytes, digest, mediaType: String(answer.headers["content-type"]) };
};
