import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { MEDIA_TYPES } from "../model/index.ts";
import { image, index, multiPlatform } from "./images.ts";
import { ask } from "./plain-http.ts";
import { pushImage } from "./push-image.ts";
import { startStrictRegistry } from "./strict-registry.ts";

/** A receiver that answers with the statuses given, then with 200, and keeps what came. */
const receiver = (statuses: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const left = [...statuses];
      const got: Array<{ headers: Record<string, unknown>; event: Record<string, unknown> }> = [];
      const server = createServer((incoming, response) => {
        buffer(incoming).then(
          (body) => {
            const { events } = JSON.parse(body.toString()) as { events: ReadonlyArray<Record<string, unknown>> };
            got.push({ headers: incoming.headers, event: events[0] ?? {} });
            response.writeHead(left.shift() ?? 200).end();
          },
          () => response.destroy(),
        );
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return { server, got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close();
        server.closeAllConnections();
      }),
  );

describe("notifications", () => {
  it.live("tells pushes and deletes in order, as docker-registry does, and tries again without end", () =>
    Effect.gen(function* () {
      const hook = yield* receiver([500, 503]);
      const registry = yield* startStrictRegistry({
        notifications: { url: hook.url, headers: { Authorization: "Bearer hook" } },
      });
      const top = index({ children: [image({ seed: "child" })] });
      yield* pushImage(registry.url, "team/web", "v1", top);
      yield* ask(registry, "DELETE", `/v2/team/web/manifests/${top.digest}`);
      yield* registry.drain;
      expect(registry.notifications()).toEqual({ pending: 0, sent: 4, failures: 2, dropped: 0 });
      const told = hook.got.map(({ event }) => {
        const target = Object(event["target"]) as Record<string, unknown>;
        return [event["action"], target["tag"], target["digest"]];
      });
      const child = ["push", undefined, top.children[0]?.digest];
      expect(told).toEqual([
        child,
        child,
        child,
        ["push", "v1", top.digest],
        ["delete", undefined, top.digest],
        ["delete", "v1", undefined],
      ]);
      expect(hook.got[0]?.event["id"]).toBe(hook.got[2]?.event["id"]);
      expect(hook.got[3]?.event["target"]).toEqual({
        mediaType: MEDIA_TYPES.ociIndex,
        size: top.bytes.byteLength,
        length: top.bytes.byteLength,
        digest: top.digest,
        repository: "team/web",
        url: `${registry.url}v2/team/web/manifests/${top.digest}`,
        tag: "v1",
      });
      expect(hook.got[0]?.headers).toMatchObject({
        authorization: "Bearer hook",
        "content-type": "application/vnd.docker.distribution.events.v1+json",
        "user-agent": "Go-http-client/1.1",
      });
    }),
  );

  it.live("can speak another format, and give up", () =>
    Effect.gen(function* () {
      const hook = yield* receiver([500, 500]);
      const registry = yield* startStrictRegistry({
        notifications: {
          url: hook.url,
          attemptsMax: 2,
          format: ({ tag }) => (tag === undefined ? undefined : { headers: { "x-tag": tag }, body: '{"events":[]}' }),
        },
      });
      for (const tag of ["lost", "told"])
        yield* pushImage(registry.url, "team/web", tag, multiPlatform({ seed: "format" }));
      yield* registry.drain;
      expect(hook.got.map(({ headers }) => headers["x-tag"])).toEqual(["lost", "lost", "told"]);
      expect(registry.notifications()).toEqual({ pending: 0, sent: 1, failures: 2, dropped: 1 });
    }),
  );

  it.live("can be switched on, changed and off, and changes by hand say nothing", () =>
    Effect.gen(function* () {
      const hook = yield* receiver([]);
      const registry = yield* startStrictRegistry();
      yield* pushImage(registry.url, "team/web", "before", image({ seed: "a" }));
      registry.setNotifications({ url: hook.url, blobs: true });
      yield* pushImage(registry.url, "team/web", "during", image({ seed: "b" }));
      yield* registry.drain;
      registry.putTag("team/web", "by-hand", registry.manifests("team/web")[0] ?? "");
      registry.setNotifications(undefined);
      yield* pushImage(registry.url, "team/web", "after", image({ seed: "c" }));
      yield* registry.drain;
      expect(hook.got.map(({ event }) => event["action"])).toEqual(["push", "push", "push"]);
    }),
  );
});
