import type { Config } from "@drayage/config";
import { EVENT_TYPES, encodeEvent } from "@drayage/domain";
import { EventLog } from "@drayage/event-log";
import * as Effect from "effect/Effect";

/** Records which configuration holds from here on, when it is another one than before. */
export const applyConfiguration = Effect.fnUntraced(function* (config: Config) {
  const log = yield* EventLog;
  const [last] = yield* log.readBackward({ limit: 1, types: [EVENT_TYPES.ConfigurationApplied] });
  if (last?.data["revision"] === config.revision) return;
  yield* log.append([
    {
      ...encodeEvent({ _tag: "ConfigurationApplied", revision: config.revision }),
      source: "/drayage",
      actor: "configuration",
    },
  ]);
});
