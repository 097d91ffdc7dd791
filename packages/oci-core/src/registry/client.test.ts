import type { LookupAddress } from "node:dns";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { digestOf } from "../model/digest.ts";
import { parseRepositoryName } from "../model/names.ts";
import { apiBase } from "./client.ts";
import { guardedLookup } from "./guarded-lookup.ts";
import { type Script, withRegistry } from "./scripted-server.test-support.ts";

describe("the API's address", () => {
  it.each([
    ["https://docker.io", "https://registry-1.docker.io/"],
    ["https://index.docker.io/", "https://registry-1.docker.io/"],
    [
      "https://user:secret@reg.example.com:8443/artifactory/api/docker/key?x#y",
      "https://reg.example.com:8443/artifactory/api/docker/key",
    ],
    ["http://127.0.0.1:5000", "http://127.0.0.1:5000/"],
  ])("of %s is %s", (url, base) => {
    expect(apiBase(new URL(url)).href).toBe(base);
  });
});

describe("a name that the registry gave us", () => {
  const resolve = (registry: string, all: boolean): Promise<string | LookupAddress[]> =>
    new Promise((done, fail) => {
      guardedLookup(new URL(registry))("localhost", { all, family: 4 }, (error, found) =>
        error === null ? done(found) : fail(error),
      );
    });
  it("may not lead to loopback, except from a registry on loopback", async () => {
    await expect(resolve("https://reg.example.com", true)).rejects.toThrow("loopback");
    expect(await resolve("http://127.0.0.1:5000", true)).toEqual([{ address: "127.0.0.1", family: 4 }]);
    expect(await resolve("http://localhost:5000", false)).toBe("127.0.0.1");
  });
  it("is resolved when a redirect leads there", async () => {
    const repository = parseRepositoryName("a") ?? expect.unreachable();
    const script: Script = ({ path, headers }) =>
      path === "/stored"
        ? { status: 200 }
        : { status: 307, headers: { location: `http://localhost:${headers.host?.split(":")[1] ?? ""}/stored` } };
    const seen = await withRegistry(script, (registry) =>
      Effect.map(registry.hasBlob(repository, digestOf(Buffer.from("x"))), (present) => expect(present).toBe(true)),
    );
    expect(seen[1]?.headers.host).toMatch(/^localhost:/);
  });
});
