import { tagName } from "@drayage/delivery/testing";
import type { FaultAction, StrictRegistry } from "@drayage/oci-core/testing";
import { it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { describe, expect } from "vitest";
import { proveAbsence } from "./prove-absence.ts";
import { APP, type SideOptions, small, startSide } from "./replicator.test-support.ts";

const GONE = tagName("gone");

/** Present, Absent, Unproven, RepositoryGone, or the reason of the error. */
const verdict = (options: SideOptions, arrange: (server: StrictRegistry) => void) =>
  Effect.gen(function* () {
    const { server, client } = yield* startSide("source", options);
    for (const tag of ["witness-1", "witness-2"]) putManifest(server, tag);
    arrange(server);
    return yield* Effect.match(proveAbsence(client, APP, GONE), {
      onFailure: (error) => `error ${error.reason}`,
      onSuccess: (absence) => (absence._tag === "RepositoryGone" ? `RepositoryGone ${absence.how}` : absence._tag),
    });
  }).pipe(Effect.scoped);

const putManifest = (server: StrictRegistry, tag: string): void => void server.putManifest(APP, tag, small("x"));

const always = { times: Number.POSITIVE_INFINITY };
const onGet = (action: FaultAction) => (server: StrictRegistry) => {
  server.faults.add({ match: { path: /\/manifests\//, ...always }, action });
};
const onWitness = (action: FaultAction) => (server: StrictRegistry) => {
  server.faults.add({ match: { path: /\/manifests\/witness/, ...always }, action });
};
const onList = (action: FaultAction) => (server: StrictRegistry) => {
  server.faults.add({ match: { path: /\/tags\/list/, ...always }, action });
};
const status = (code: number, more: { readonly code?: string; readonly body?: string } = {}): FaultAction => ({
  kind: "status",
  status: code,
  ...more,
});
const HTML = "<!doctype html><title>404</title>";

describe("absence is proven", () => {
  it.live("by MANIFEST_UNKNOWN, a list that names others, and one of them that can be read", () =>
    Effect.gen(function* () {
      expect(yield* verdict({}, () => {})).toBe("Absent");
      // One witness is deleted at this very moment.
      expect(
        yield* verdict({}, (server) => void server.faults.add({ match: { path: /witness-1/ }, action: status(404) })),
      ).toBe("Absent");
      // Page by page, and the witness is on another page than the tag would be.
      expect(yield* verdict({ listPageMax: 1 }, () => {})).toBe("Absent");
    }),
  );
});

const NEVER: ReadonlyArray<readonly [name: string, arrange: (server: StrictRegistry) => void, verdict: string]> = [
  ["the tag is there", (server) => putManifest(server, GONE), "Present"],
  ["401", onGet(status(401)), "error unauthorized"],
  ["401 that says MANIFEST_UNKNOWN", onGet(status(401, { code: "MANIFEST_UNKNOWN" })), "error unauthorized"],
  ["403", onGet(status(403)), "error denied"],
  ["403 that says MANIFEST_UNKNOWN", onGet(status(403, { code: "MANIFEST_UNKNOWN" })), "error denied"],
  ["400 that says MANIFEST_UNKNOWN", onGet(status(400, { code: "MANIFEST_UNKNOWN" })), "error not-found"],
  ["429", onGet(status(429)), "error rate-limited"],
  ["500", onGet(status(500)), "error unavailable"],
  ["a page of HTML with 200", onGet({ kind: "html200" }), "error invalid-response"],
  ["a page of HTML with 404", onGet(status(404, { body: HTML })), "error invalid-response"],
  ["404 about something else", onGet(status(404, { code: "BLOB_UNKNOWN" })), "error not-found"],
  ["a broken connection", onGet({ kind: "reset" }), "error network"],
  ["the repository is unknown", (server) => server.deleteRepository(APP), "RepositoryGone unknown"],
  ["the repository is hidden from GET", onGet(status(404, { code: "NAME_UNKNOWN" })), "RepositoryGone unknown"],
  ["the repository is hidden from the list", onList(status(404, { code: "NAME_UNKNOWN" })), "RepositoryGone unknown"],
  [
    "no tag is left",
    (server) => {
      for (const tag of server.tags(APP)) server.deleteTag(APP, tag);
    },
    "RepositoryGone empty",
  ],
  ["the list comes back empty", onList({ kind: "truncatedList", keep: 0 }), "RepositoryGone empty"],
  [
    "only the signature of an image is left",
    (server) => {
      for (const tag of server.tags(APP)) server.deleteTag(APP, tag);
      putManifest(server, `sha256-${"0".repeat(64)}.sig`);
    },
    "RepositoryGone empty",
  ],
  ["the list may not be read", onList(status(403)), "error denied"],
  ["the list is throttled", onList(status(429)), "error rate-limited"],
  ["the list is a page of HTML", onList({ kind: "html200" }), "error invalid-response"],
  ["the connection breaks in the list", onList({ kind: "resetMidBody", afterBytes: 5 }), "error network"],
  [
    "the list still names the tag",
    (server) => {
      putManifest(server, GONE);
      onGet(status(404, { code: "MANIFEST_UNKNOWN" }))(server);
    },
    "Unproven",
  ],
  [
    "no manifest of the repository can be read, and the list is cut before the tag",
    (server) => {
      putManifest(server, "a-witness");
      putManifest(server, GONE);
      onGet(status(404))(server);
      onList({ kind: "truncatedList", keep: 1 })(server);
    },
    "Unproven",
  ],
  ["another tag may not be read", onWitness(status(403)), "error denied"],
  [
    "the tag is there and the list is cut before it",
    (server) => {
      putManifest(server, GONE);
      onList({ kind: "truncatedList", keep: 0 })(server);
    },
    "Present",
  ],
];

describe("absence is not proven when", () => {
  for (const [name, arrange, expected] of NEVER) {
    it.live(name, () => Effect.map(verdict({}, arrange), (found) => expect(found).toBe(expected)), 30_000);
  }

  it.live("the second page of the list cannot be read", () =>
    Effect.gen(function* () {
      const second = { path: /\/tags\/list.*last=/, ...always };
      const arrange = (server: StrictRegistry) => {
        server.faults.add({ match: second, action: status(403) });
      };
      expect(yield* verdict({ listPageMax: 1 }, arrange)).toBe("error denied");
    }),
  );
});
