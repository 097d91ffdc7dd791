import { run } from "../../tools/run.ts";

/** `skopeo` as people use it, on registries without TLS. */
export interface Skopeo {
  /** Every platform of an index too. References as skopeo writes them: `oci:DIR:tag`, `docker://host:port/name:tag`. */
  readonly copy: (from: string, to: string) => Promise<void>;
  /** The bytes of the manifest, as the registry gives them. */
  readonly inspectRaw: (reference: string) => Promise<string>;
  readonly delete: (reference: string) => Promise<void>;
}

/** A copy of small images takes seconds; the big one is not made with skopeo. */
const TIMEOUT_MS = 120_000;

/** `policy.json` may be missing where skopeo was only unpacked: the tests trust what they made themselves. */
export const skopeo = (command: string, folder: string): Skopeo => {
  const must = async (...args: ReadonlyArray<string>): Promise<string> => {
    const ran = await run(command, ["--insecure-policy", "--tmpdir", folder, ...args], { timeoutMs: TIMEOUT_MS });
    if (ran.code === 0) return ran.stdout;
    throw new Error(`skopeo ${args.join(" ")} ended with ${ran.code}: ${ran.stderr.trim()}`);
  };
  return {
    copy: async (from, to) => {
      await must("copy", "--all", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", from, to);
    },
    inspectRaw: (reference) => must("inspect", "--raw", "--tls-verify=false", reference),
    delete: async (reference) => {
      await must("delete", "--tls-verify=false", reference);
    },
  };
};

/** `http://127.0.0.1:5000`, `team/web`, `1.0` -> `docker://127.0.0.1:5000/team/web:1.0`. */
export const dockerReference = (url: string, repository: string, tag: string): string =>
  `docker://${new URL(url).host}/${repository}:${tag}`;
