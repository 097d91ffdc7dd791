import type { IncomingMessage, ServerResponse } from "node:http";
import { answerJson, problem } from "./problem.ts";

/** Whether this process can do its work now; `why` says in one line what is missing. */
export interface Readiness {
  readonly ok: boolean;
  readonly why?: string | undefined;
}

/** Probes ask every few seconds and give up after a few: a check that hangs is an answer too. */
const READY_TIMEOUT_MS = 5_000;

const PROBE = /^\/(?:healthz|readyz)(?:\?|$)/;
export const isProbe = ({ url = "" }: IncomingMessage): boolean => PROBE.test(url);

/** Answers `/healthz` and `/readyz`. */
export const probe = async (
  request: IncomingMessage,
  response: ServerResponse,
  ready: () => Promise<Readiness>,
  closing: AbortSignal,
): Promise<void> => {
  const path = request.url?.split("?")[0];
  if (request.method !== "GET" && request.method !== "HEAD") {
    problem(
      response,
      { status: 405, title: "Method not allowed", detail: `${path} answers GET.` },
      { allow: "GET, HEAD" },
    );
  } else if (path === "/healthz") {
    answerJson(response, 200, { status: "ok" });
  } else {
    const { ok, why } = closing.aborted ? { ok: false, why: "the process is stopping" } : await check(ready);
    answerJson(
      response,
      ok ? 200 : 503,
      ok ? { status: "ready" } : { status: "not-ready", why: why ?? "no reason was given" },
    );
  }
};

const check = async (ready: () => Promise<Readiness>): Promise<Readiness> => {
  const late = AbortSignal.timeout(READY_TIMEOUT_MS);
  const timeout = new Promise<Readiness>((resolve) =>
    late.addEventListener("abort", () =>
      resolve({ ok: false, why: `the check took longer than ${READY_TIMEOUT_MS} ms` }),
    ),
  );
  try {
    return await Promise.race([ready(), timeout]);
  } catch (cause) {
    return { ok: false, why: cause instanceof Error ? cause.message : String(cause) };
  }
};
