/** What every app shares: HTTP server, health, shutdown, logs and metrics. Knows nothing of registries or events. */
export { type Body, type BodyLimits, readBody } from "./body.ts";
export {
  type HttpHandler,
  type HttpLimits,
  type HttpServer,
  type HttpServerOptions,
  httpServer,
  ListenFailed,
} from "./http-server.ts";
export { type LogSettings, logging, loggingTo, logSettings } from "./logging.ts";
export { isLocalRequest, isLoopback } from "./loopback.ts";
export { type Counter, type Gauge, type Histogram, prometheusText } from "./metric.ts";
export { metrics } from "./metrics.ts";
export type { Readiness } from "./probes.ts";
export { answerJson, type Problem, problem } from "./problem.ts";
export { databaseOf, type RoleEntry, runRole, WrongUsage } from "./role.ts";
export { EXIT_DEFECT, endOf, runApp } from "./run.ts";
