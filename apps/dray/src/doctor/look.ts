import type { Config } from "@drayage/config";
import type { Finding, RegistryUse } from "@drayage/oci-core";
import type { RepositoryName } from "@drayage/oci-core/model";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { lookAtConnection } from "./catalogue.ts";
import { clockFindings } from "./clock.ts";
import { lookAtIdentities } from "./identities.ts";
import { type Opened, open } from "./open.ts";
import { secretFindings } from "./secrets.ts";
import { lookAtSource } from "./source.ts";
import { lookAtTarget } from "./target.ts";
import { type Use, usesOf, type Wanted, writesOf } from "./uses.ts";

/** A registry that hangs must not hold up what is said of the others. Above two timeouts of a request, so that their words come first. */
const LOOK_MOST = "150 seconds";

/** What became of looking at all registries. */
export interface Look {
  readonly findings: ReadonlyArray<Finding>;
  readonly opened: ReadonlyArray<Opened>;
}

/** Every registry of the configuration, as its routes use it. Sources first: what they hold tells which repositories targets are tried with. */
export const lookAtRegistries = (config: Config): Effect.Effect<Look, never, Scope.Scope> =>
  Effect.gen(function* () {
    const uses = usesOf(config);
    const opening = yield* together(Object.values(config.registries), (one) =>
      Effect.match(open(one), {
        onSuccess: (opened) => ({ opened: [opened], findings: [] }),
        onFailure: ({ detail }) => ({ opened: [], findings: [cannotOpen(one.name, detail)] }),
      }),
    );
    const opened = opening.flatMap((one) => one.opened);
    const useOf = ({ config: { name } }: Opened): Use => uses.get(name) ?? { from: [], to: [] };

    const reads = new Map<string, ReadonlyArray<RepositoryName>>();
    const sources = yield* together(opened, (one) =>
      within(
        one,
        Effect.map(lookAtSource(one, useOf(one).from), (look) => {
          reads.set(one.config.name, look.reads);
          return look.findings;
        }),
      ),
    );
    const targets = yield* together(opened, (one) => {
      const use = useOf(one);
      const writes = use.to.flatMap((route) => writesOf(route, one.config.name, reads.get(route.route.from) ?? []));
      return within(one, lookAtRest(one, use, reads.get(one.config.name) ?? [], writes));
    });
    const findings = [...opening.flatMap((one) => one.findings), ...sources.flat(), ...targets.flat()];
    return { findings: [...findings, ...opened.flatMap((one) => clockFindings(one.config.name, one.dates()))], opened };
  });

const lookAtRest = (
  opened: Opened,
  use: Use,
  reads: ReadonlyArray<RepositoryName>,
  writes: ReadonlyArray<Wanted>,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.map(
    Effect.all([
      use.to.length === 0 ? Effect.succeed([]) : lookAtTarget(opened, use.to, writes),
      // Where no repository was tried, nothing has shown yet whether it answers.
      reads.length + writes.length === 0 ? lookAtConnection(opened) : Effect.succeed([]),
      lookAtIdentities(opened.config),
      examined(opened, {
        isSource: use.from.length > 0,
        isTarget: use.to.length > 0,
        reads,
        writes: writes.map(({ repository }) => repository),
      }),
      Effect.succeed(use.from.length === 0 ? [] : secretFindings(opened.config)),
    ]),
    (all) => all.flat(),
  );

/** What the adapter looks at by itself, with whole keys. */
const examined = (opened: Opened, use: RegistryUse): Effect.Effect<ReadonlyArray<Finding>> => {
  const { registry, config } = opened;
  const base = `registries.${config.name}`;
  return Effect.match(registry.powers.examine?.(use) ?? Effect.succeed([]), {
    onSuccess: (findings) => findings.map((one) => ({ ...one, key: one.key === "" ? base : `${base}.${one.key}` })),
    onFailure: (error) => [opened.explain(error, "read")],
  });
};

const together = <A, B, R>(all: ReadonlyArray<A>, f: (one: A) => Effect.Effect<B, never, R>) =>
  Effect.forEach(all, f, { concurrency: "unbounded" });

const within = (
  { config: { name } }: Opened,
  look: Effect.Effect<ReadonlyArray<Finding>>,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.timeoutOrElse(look, {
    duration: LOOK_MOST,
    orElse: () =>
      Effect.succeed<ReadonlyArray<Finding>>([
        {
          severity: "error",
          key: `registries.${name}.url`,
          what: `it was not done with our questions in ${LOOK_MOST}`,
          mend: "Look at the registry, and at what stands between",
        },
      ]),
  });

const cannotOpen = (name: string, detail: string): Finding => ({
  severity: "error",
  key: `registries.${name}.tls`,
  what: detail,
  mend: "Correct the path, or the rights of the file",
});
