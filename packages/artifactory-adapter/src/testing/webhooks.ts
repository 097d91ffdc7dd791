import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf, fileNameOf, split } from "./content.ts";
import type { Subscription } from "./subscriptions.ts";

/** Something that happened to a manifest. */
export interface Happened {
  readonly domain: "docker" | "artifact";
  readonly event: "pushed" | "deleted" | "promoted" | "deployed" | "moved" | "copied";
  /** `<stored key>/<image>`. */
  readonly name: string;
  /** A tag, or a digest for what has none. */
  readonly reference: string;
  readonly manifest: { readonly digest: string; readonly mediaType: string; readonly bytes: Uint8Array };
  readonly user: string;
  /** Promotions: where to. */
  readonly to?: { readonly key: string; readonly tag: string } | undefined;
  /** Files that were moved or copied. */
  readonly toPath?: string | undefined;
}

/** `jpd_origin` and other addresses in a body are those that the instance gives itself. */
export interface Identity {
  readonly origin: string;
}

const PLATFORM = { architecture: "amd64", os: "linux" };

/** The body of a predefined webhook. Source: facts/artifactory.md 1.5, 1.6. */
export const bodyOf = (happened: Happened, subscription: string, { origin }: Identity): string => {
  const { domain, event, name, reference, manifest, user, to, toPath } = happened;
  const [key, image] = split(name);
  const file = fileNameOf(manifest.mediaType);
  const isIndex = file === "list.manifest.json";
  const common = {
    repo_key: key,
    path: `${image}/${reference}/${file}`,
    name: file,
    sha256: manifest.digest.slice("sha256:".length),
    size: manifest.bytes.byteLength,
  };
  const docker = {
    image_name: image.split("/").at(-1),
    tag: reference,
    platforms: isIndex ? childrenOf(manifest.bytes).map(() => PLATFORM) : [],
    image_type: manifest.mediaType.includes(".oci.") ? "oci" : "docker",
    ...(to === undefined ? {} : { target_repo: to.key, target_tag: to.tag }),
  };
  const moved = toPath === undefined ? {} : { source_repo_path: `${key}/${common.path}`, target_repo_path: toPath };
  return JSON.stringify({
    domain,
    event_type: event,
    data: { ...common, ...(domain === "docker" ? docker : moved) },
    subscription_key: subscription,
    jpd_origin: origin,
    source: "jfrog/jfrt@01h9mspg5atsp402qqxm071zjv",
    userContext: { id: user, isToken: false, realm: "internal" },
  });
};

/** Tries of one delivery, the first included; a status below 500 is the last word, whatever it is. Source: facts/artifactory.md 1.3. */
const TRIES_MAX = 5;
/** Ten seconds at a real one. */
const WAIT_MS = 200;
const ANSWER_MS = 5000;

/** What became of a delivery. */
export interface Delivery {
  readonly subscription: string;
  readonly body: string;
  readonly status: number | undefined;
  readonly tries: number;
}

export interface Sender {
  readonly offer: (subscription: Subscription, body: string) => void;
  readonly deliveries: () => ReadonlyArray<Delivery>;
  readonly idle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Deliveries do not wait for each other, so they can overtake. */
export const makeSender = (): Sender => {
  const done: Array<Delivery> = [];
  const running = new Set<Promise<void>>();
  const stop = new AbortController();

  const deliver = async ({ key, handlers }: Subscription, body: string): Promise<void> => {
    const [handler] = handlers;
    if (handler === undefined) return;
    const { url, secret, use_secret_for_signing: signs, custom_http_headers: own = [] } = handler;
    const proof =
      secret === undefined || secret === "" ? {} : { "X-JFrog-Event-Auth": signs ? sign(secret, body) : secret };
    const headers = {
      "Content-Type": "application/json",
      ...Object.fromEntries(own.map(({ name, value }) => [name, value])),
      ...proof,
    };
    let status: number | undefined;
    let tries = 0;
    while (tries < TRIES_MAX && !stop.signal.aborted) {
      tries += 1;
      status = await post(url, headers, body);
      if (status !== undefined && status < 500) break;
      await sleep(WAIT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    done.push({ subscription: key, body, status, tries });
  };

  const post = async (url: string, headers: Readonly<Record<string, string>>, body: string) => {
    try {
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(ANSWER_MS)]);
      const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      // No answer is tried again, and is seen in `deliveries`.
      return undefined;
    }
  };

  return {
    offer: (subscription, body) => {
      const one: Promise<void> = deliver(subscription, body).finally(() => running.delete(one));
      running.add(one);
    },
    deliveries: () => done,
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
    close: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
};

const sign = (secret: string, body: string): string => createHmac("sha256", secret).update(body).digest("hex");
