import { pubSubEmulators, startPubSubEmulator } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dray, drayHere } from "./dray.test-support.ts";

const configuration = (bus: string): string => `
bus: ${bus}
registries:
  lab: { type: oci, url: http://127.0.0.1:1 }
  near: { type: oci, url: http://127.0.0.1:2 }
routes: [{ from: lab, to: [{ registry: near }] }]
`;
const cleaners: Array<() => Promise<void>> = [];
const at = (bus: string): Promise<Dray> =>
  drayHere({ "drayage.yaml": configuration(bus) }, (clean) => void cleaners.push(clean));

afterAll(async () => {
  for (const clean of cleaners.reverse()) await clean();
});

it("dray bus apply has nothing to make where the bus is the database", async () => {
  const ran = await (await at("database")).run(["bus", "apply"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("the bus is the database");
});

it("a replicator over Pub/Sub is for a registry that there is", async () => {
  const ran = await (await at("{ pubsub: { project: acme-ops } }")).run(["replicator", "--target", "far"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("there is no registry far");
});

describe.each(pubSubEmulators())("dray bus apply, on the emulator $jar", (emulator) => {
  const scope = Effect.runSync(Scope.make());
  let dray: Dray;
  const env: Record<string, string> = { METADATA_SERVER_DETECTION: "none" };
  beforeAll(async () => {
    env["PUBSUB_EMULATOR_HOST"] = await Effect.runPromise(Scope.provide(startPubSubEmulator(emulator), scope));
    dray = await at("{ pubsub: { project: acme-ops, topicPrefix: team } }");
  });
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)));

  const actions = async (...args: ReadonlyArray<string>) => {
    const ran = await dray.run(["--json", "bus", "apply", ...args], { env });
    expect(ran.code, ran.stderr).toBe(0);
    const { steps } = JSON.parse(ran.stdout) as { readonly steps: ReadonlyArray<{ action: string; name: string }> };
    return steps.map(({ action, name }) => `${action} ${name.split("/").slice(2).join("/")}`);
  };

  it("shows what it would do and does nothing, then does it, then has nothing to do", async () => {
    const lines = ["dead", "work", "inbox", "answers"].map((line) => `team.near.${line}`);
    const all = ["topics", "subscriptions"].flatMap((kind) => lines.map((id) => `${kind}/${id}`));
    const wanted = (action: string) => all.map((each) => `${action} ${each}`).toSorted();
    expect((await actions("--dry-run")).toSorted()).toEqual(wanted("create"));
    expect((await actions()).toSorted()).toEqual(wanted("create"));
    expect((await actions("--dry-run")).toSorted()).toEqual(wanted("ready"));
  });
});
