import { expect, it } from "vitest";
import { refusalOf, type ServerSettings } from "./check-server.ts";

const good: ServerSettings = {
  version: 150_000,
  versionText: "15.0",
  fsync: "on",
  synchronousCommit: "on",
  fullPageWrites: "on",
};

it.each<readonly [string, Partial<ServerSettings>, string | undefined]>([
  ["the oldest supported", {}, undefined],
  ["waits for standbys", { synchronousCommit: "remote_apply" }, undefined],
  ["waits for its own disk only", { synchronousCommit: "local" }, undefined],
  ["14", { version: 140_012, versionText: "14.12" }, "server-too-old"],
  ["no fsync", { fsync: "off" }, "not-durable"],
  ["answers before the disk", { synchronousCommit: "off" }, "not-durable"],
  ["torn pages", { fullPageWrites: "off" }, "not-durable"],
])("a server: %s", (_, settings, reason) => {
  expect(refusalOf({ ...good, ...settings })?.reason).toBe(reason);
});

it("names what is off", () => {
  expect(refusalOf({ ...good, fsync: "off", fullPageWrites: "off" })?.message).toContain(
    "fsync, full_page_writes is off",
  );
});
