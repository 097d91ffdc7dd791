import type { Config } from "@drayage/config";
import { outboundHostsOf } from "@drayage/registries";
import * as Effect from "effect/Effect";
import { load, notLoaded } from "../compose/load.ts";
import { egressOf } from "../doctor/egress.ts";
import { exitCodeOf, sorted, text } from "../doctor/finding.ts";
import { lookAtDatabase, lookAtDataDir, warningFindings } from "../doctor/local.ts";
import { type Look, lookAtRegistries } from "../doctor/look.ts";
import { ExitCode } from "../exit-code.ts";
import { json, table } from "../output/table.ts";
import type { Globals } from "../program.ts";

/**
 * `dray doctor`: tries every registry as the routes use it, and the database. Changes nothing; an upload that is opened is cancelled. 0 all is
 * well, 1 findings, 2 something could not be tried.
 */
export const doctor = Effect.fnUntraced(function* (globals: Globals, options: { readonly egress?: boolean }) {
  const { config, warnings } = yield* Effect.catch(load(globals, "required"), (error) =>
    Effect.flatMap(notLoaded(globals, error), Effect.fail),
  );
  const look = yield* lookAtRegistries(config);
  if (options.egress === true) return yield* egress(globals, config, look);
  const local = yield* Effect.all([lookAtDatabase(config), lookAtDataDir(config)]);
  const findings = sorted([...look.findings, ...local.flat(), ...warningFindings(warnings)]);
  const code = exitCodeOf(findings);
  process.stdout.write(
    globals.json === true
      ? json({ ok: code === ExitCode.ok, findings })
      : `${findings.map(text).join("")}${summary(config, findings)}\n`,
  );
  return code;
});

const summary = (config: Config, findings: ReturnType<typeof sorted>): string => {
  const many = (severity: string): number => findings.filter((one) => one.severity === severity).length;
  const registries = Object.keys(config.registries).length;
  const of = `${registries} ${registries === 1 ? "registry" : "registries"}`;
  const parts = [`${many("error")} errors`, `${many("warning")} warnings`, `${many("unknown")} not tried`];
  return `${of} looked at: ${parts.join(", ")}`;
};

/** Token servers and storage hosts show only when a registry answers, so what did not answer makes the list incomplete. */
const egress = Effect.fnUntraced(function* (globals: Globals, config: Config, { opened, findings }: Look) {
  const registries = yield* Effect.forEach(opened, (one) =>
    Effect.map(
      // The registry was opened, so its files can be read.
      Effect.orElseSucceed(outboundHostsOf(one.config), () => []),
      (outbound) => ({ config: one.config, outbound, others: one.others() }),
    ),
  );
  const hosts = egressOf(config, registries);
  const problems = sorted(findings).filter(({ severity }) => severity === "error" || severity === "unknown");
  if (globals.json === true) process.stdout.write(json({ complete: problems.length === 0, hosts }));
  else {
    const rows = hosts.map((one) => [one.host, String(one.port), one.purpose, one.known, one.via ?? "-", one.key]);
    process.stdout.write(table(["HOST", "PORT", "FOR", "KNOWN", "VIA", "KEY"], rows));
  }
  for (const { key, what } of problems) process.stderr.write(`dray: the list may lack hosts: ${key}: ${what}\n`);
  return problems.length === 0 ? ExitCode.ok : ExitCode.unable;
});
