import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StrictRegistry, startStrictRegistry } from "@drayage/oci-core/testing";
import * as Effect from "effect/Effect";
import { afterlife } from "./afterlife.ts";

/** The registries of the demo, and the configuration that joins them. */
export interface Stage {
  /** Where teams push: a CNCF-style registry that notifies us. */
  readonly hub: StrictRegistry;
  /** Where promotion happens: speaks Artifactory's webhooks. */
  readonly factory: StrictRegistry;
  /** Two targets; the second asks for a bearer token and has the referrers API. */
  readonly europe: StrictRegistry;
  readonly america: StrictRegistry;
  readonly configFile: string;
  readonly ingestPort: number;
  readonly adminPort: number;
}

export const DEMO_SECRET = "demo-webhook-secret";
export const AMERICA_LOGIN = { username: "drayage", password: "demo-password" } as const;

/** Starts four strict registries and writes a drayage.yaml for them, all in a directory that goes when the scope ends. */
export const setStage = (ports: { readonly ingest: number; readonly admin: number }) =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "drayage-demo-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
    );
    const dataDir = join(directory, "data");
    yield* afterlife(directory, dataDir);
    const hub = yield* startStrictRegistry({
      notifications: {
        url: `http://127.0.0.1:${ports.ingest}/notifications/hub`,
        headers: { authorization: `Bearer ${DEMO_SECRET}` },
      },
    });
    const factory = yield* startStrictRegistry();
    const europe = yield* startStrictRegistry();
    const america = yield* startStrictRegistry({
      auth: { _tag: "Token", users: [{ name: AMERICA_LOGIN.username, password: AMERICA_LOGIN.password }] },
    });
    const configFile = join(directory, "drayage.yaml");
    yield* Effect.promise(async () => {
      await mkdir(dataDir, { recursive: true });
      await writeFile(configFile, configuration({ hub, factory, europe, america }, ports));
    });
    return {
      hub,
      factory,
      europe,
      america,
      configFile,
      ingestPort: ports.ingest,
      adminPort: ports.admin,
    } satisfies Stage;
  });

const configuration = (
  { hub, factory, europe, america }: Pick<Stage, "hub" | "factory" | "europe" | "america">,
  ports: { readonly ingest: number; readonly admin: number },
): string => `version: 1
instance: demo
dataDir: ./data

http:
  ingest: { port: ${ports.ingest} }
  admin: { port: ${ports.admin} }

registries:
  hub:
    type: oci
    url: ${hub.url.origin}
    notifications: { secret: ${DEMO_SECRET} }
  factory:
    type: artifactory
    url: ${factory.url.origin}
    notifications: { secret: ${DEMO_SECRET}, scheme: hmac-sha256 }
  europe:
    type: oci
    url: ${europe.url.origin}
  america:
    type: oci
    url: ${america.url.origin}
    auth: { username: ${AMERICA_LOGIN.username}, password: ${AMERICA_LOGIN.password} }

routes:
  - name: teams
    from: hub
    select: { tags: ["*", "!*-rc*"] }
    to:
      - { registry: europe, repository: "mirror/{repository}" }
      - { registry: america, repository: "mirror/{repository}" }
    deletes: { mode: mirror, confirmAfter: 0s }
  - name: releases
    from: factory
    # By name: the registry that plays Artifactory has none of Artifactory's own listings, which a pattern would need.
    select: { repositories: [docker-prod-local/shop/api] }
    to:
      - { registry: europe, repository: "prod/{image}" }
      - { registry: america, repository: "prod/{image}" }
`;
