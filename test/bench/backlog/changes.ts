import { setTimeout as sleep } from "node:timers/promises";
import type { StrictRegistry } from "@drayage/oci-core/testing";
import { Agent, request } from "undici";

/** Tags of a source that go on moving, each told to ingest, and when they are seen at a target. */
export interface Changes {
  /** So many changes, evenly over the time that the rate gives. All must be accepted. */
  readonly send: (count: number, perSecond: number) => Promise<void>;
  /** Whether the near target has every tag as it is at the source. */
  readonly isLevel: () => boolean;
  /** The same of any target, by looking. */
  readonly isAt: (target: StrictRegistry) => boolean;
  /** Milliseconds from the answer to a notification until the near target had its tag so; of changes that were overtaken by later ones nothing is known. */
  readonly takeLags: () => ReadonlyArray<number>;
}

export interface ChangesOptions {
  readonly source: StrictRegistry;
  readonly near: StrictRegistry;
  readonly ingestUrl: string;
  /** Digests that are there, by repository. */
  readonly names: ReadonlyMap<string, ReadonlyArray<string>>;
  readonly tags: number;
}

const BATCH_MS = 50;

export const makeChanges = ({ source, near, ingestUrl, names, tags }: ChangesOptions): Changes => {
  const repositories = [...names.keys()];
  const wanted = new Map<string, { readonly digest: string; readonly since: number }>();
  const open = new Set<string>();
  const agent = new Agent({ connections: 32 });
  let lags: number[] = [];
  let sent = 0;

  near.onChange(({ action, what, repository, tag, digest }) => {
    if (action !== "push" || what !== "manifest" || tag === undefined) return;
    const key = `${repository}:${tag}`;
    const change = wanted.get(key);
    if (change === undefined || change.digest !== digest || !open.delete(key)) return;
    lags.push(performance.now() - change.since);
  });

  const one = async (): Promise<void> => {
    const n = sent++;
    const number = n % tags;
    const repository = repositories[number % repositories.length] ?? "";
    const digests = names.get(repository) ?? [];
    const tag = `t${number}`;
    const digest = digests[Math.floor(n / tags) % digests.length] ?? "";
    const key = `${repository}:${tag}`;
    source.putTag(repository, tag, digest);
    wanted.set(key, { digest, since: performance.now() });
    open.add(key);
    const target = { repository, tag, digest, mediaType: "application/vnd.oci.image.manifest.v1+json" };
    const answer = await request(`${ingestUrl}/notifications/source`, {
      dispatcher: agent,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ events: [{ id: `change-${n}`, action: "push", target }] }),
    });
    await answer.body.dump();
    if (answer.statusCode !== 202) throw new Error(`a notification was answered with ${answer.statusCode}`);
  };

  return {
    send: async (count, perSecond) => {
      const started = performance.now();
      for (let done = 0; done < count; ) {
        const due = Math.min(count, Math.ceil(((performance.now() - started + BATCH_MS) / 1000) * perSecond));
        const batch = due - done;
        done = due;
        await Promise.all(Array.from({ length: batch }, one));
        await sleep(Math.max(0, (done / perSecond) * 1000 - (performance.now() - started)));
      }
    },
    isLevel: () => open.size === 0,
    isAt: (target) =>
      [...wanted].every(([key, { digest }]) => {
        const at = key.lastIndexOf(":");
        return target.manifest(key.slice(0, at), key.slice(at + 1))?.digest === digest;
      }),
    takeLags: () => {
      const taken = lags;
      lags = [];
      return taken;
    },
  };
};
