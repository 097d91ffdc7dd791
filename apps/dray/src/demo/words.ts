import colors from "picocolors";
import { shortDigest } from "../output/short-digest.ts";
import { table } from "../output/table.ts";
import { AMERICA_LOGIN, type Stage } from "./stage.ts";
import type { Step } from "./tour.ts";
import type { Verified } from "./verify.ts";

/** What every step came to: fits 120 columns. */
export const result = (steps: ReadonlyArray<Step>): string =>
  table(
    ["STEP", "AT BOTH TARGETS", "DIGEST", "TIME"],
    steps.flatMap((step) =>
      step.result.map(({ repository, reference, digest }, n) => [
        n === 0 ? (step.title.split(":")[0] ?? "") : "",
        shortDigest(`${repository}${reference.includes(":") ? "@" : ":"}${reference}`),
        digest === "gone" ? "gone, as at the source" : shortDigest(digest),
        n === 0 ? `${step.millis} ms` : "",
      ]),
    ),
  );

export const proof = ({ manifests, blobs }: Verified): string =>
  colors.green(
    `Compared with the source: ${manifests} manifests byte by byte (the signature too) and ${blobs} blobs are the same at europe and america.`,
  );

export const invitation = (stage: Stage): string => `
It stays up until Ctrl-C. Push something yourself:
  skopeo copy --dest-tls-verify=false docker://docker.io/library/alpine:3 docker://${stage.hub.host}/you/alpine:3
  or: docker push ${stage.hub.host}/you/alpine:3
and find it at both targets as
  ${stage.europe.host}/mirror/you/alpine:3
  ${stage.america.host}/mirror/you/alpine:3  (user ${AMERICA_LOGIN.username}, password ${AMERICA_LOGIN.password})

  source            ${stage.hub.url.origin}
  source (factory)  ${stage.factory.url.origin}
  target europe     ${stage.europe.url.origin}
  target america    ${stage.america.url.origin}
  notifications     http://127.0.0.1:${stage.ingestPort}/notifications/hub
  admin             http://127.0.0.1:${stage.adminPort}/api/v1/targets  /metrics  /openapi.json
  configuration     ${stage.configFile}

In another shell:
  npm run --silent dray -- --config ${stage.configFile} status
  also: events --follow, diff`;
