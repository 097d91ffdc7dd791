import type { Incoming, Receipt } from "@drayage/oci-core";
import { image, pushImage } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { describe, expect } from "vitest";
import { ecrAdapter } from "./adapter.ts";
import { optionsFor, settingsFor, withAwsCredentials } from "./ecr.test-support.ts";
import { startEcr } from "./testing/index.ts";

withAwsCredentials();

describe("events from a queue", () => {
  it.live("are handed on as they came, removed when they are durable, and come again when they are not", () =>
    Effect.gen(function* () {
      const ecr = yield* startEcr({ createOnPush: true });
      const queue = new URL("https://sqs.eu-central-1.amazonaws.com/123456789012/ecr-events");
      const options = optionsFor(ecr, { queue });
      const [listener] = ecrAdapter.listeners?.(settingsFor(ecr), options) ?? [];
      if (listener === undefined) throw new Error("a queue is listened to");
      const reader = ecrAdapter.notifications(options);
      const receipts: ReadonlyArray<Receipt> = ["unavailable", "stored"];
      const heard: Array<string> = [];
      const deliver = (incoming: Incoming) =>
        Effect.sync((): Receipt => {
          if (incoming._tag !== "Received") return "irrelevant";
          const parsed = reader.parse(incoming.request);
          if (parsed._tag !== "Parsed") return "unparseable";
          for (const told of parsed.notifications) heard.push(told._tag === "Pushed" ? `${told.tag}` : told._tag);
          return receipts[heard.length - 1] ?? "stored";
        });
      ecr.queue.send("no JSON at all");
      yield* pushImage(ecr.registry.url, "team/app", "1", image({ seed: "queue" }), {
        authorization: ecr.authorization,
      });
      yield* pushImage(ecr.registry.url, "team/app", "2", image({ seed: "queue" }), {
        authorization: ecr.authorization,
      });

      const settled = Effect.gen(function* () {
        while (ecr.queue.size() > 1) yield* Effect.sleep("20 millis");
      });
      yield* Effect.raceFirst(Effect.scoped(listener.run(deliver)), settled);
      // The first was not stored: it is hidden, and will come again.
      expect(heard.toSorted()).toEqual(["1", "2"]);
      expect(ecr.queue.size()).toBe(1);
    }).pipe(Effect.scoped),
  );
});

describe("events by an API destination", () => {
  const secrets = { scheme: "shared-secret", secrets: [Redacted.make("old"), Redacted.make("current")] } as const;
  const options = {
    account: "123456789012",
    region: "eu-central-1",
    isPublic: false,
    auth: {},
    createRepositories: false,
    secrets,
  } as const;
  const { authenticate, proof } = ecrAdapter.notifications(options);
  const cases: ReadonlyArray<readonly [Readonly<Record<string, string>>, boolean]> = [
    [{ "x-api-key": "current" }, true],
    [{ authorization: "old" }, true],
    [{ authorization: "Bearer current" }, true],
    [{ authorization: `Basic ${Buffer.from("any:current").toString("base64")}` }, true],
    [{ authorization: "Bearer wrong" }, false],
    [{ "x-api-key": "" }, false],
    [{}, false],
  ];
  it.live.each(cases)("%j: %s", ([headers, believed]) =>
    Effect.sync(() => {
      expect(proof).toBe("by-headers");
      expect(authenticate({ headers, body: new Uint8Array() })).toBe(believed);
    }),
  );
});
