import { encodeEvent, type OperatorEvent, type OutcomeEvent } from "@drayage/domain";
import type { NewEvent } from "@drayage/event-log";

/** An event about a delivery, as the log takes it. `actor` is who or what caused it: `replicator`, `user:<name>`, `dispatcher`. */
export const toNewEvent = (
  event: OutcomeEvent | Extract<OperatorEvent, { readonly target: string }>,
  actor: string,
): NewEvent => ({
  ...encodeEvent(event),
  source: `/targets/${event.target}`,
  actor,
});

/** The longest text of an outcome that is kept. Answers of registries are quoted in it, and an event may weigh 256 KiB. */
const TEXT_CHARACTERS_MOST = 4_000;

/**
 * The same outcome without text that PostgreSQL cannot store (U+0000, half a surrogate pair). A registry's answer is quoted in
 * a failure; one odd byte in it must not make the outcome impossible to report, and its delivery come back for ever.
 */
export const storable = <E extends OutcomeEvent>(event: E): E => {
  if (event._tag === "ReplicationFailed" || event._tag === "ReplicationParked") {
    const { error } = event;
    const requestId = error.requestId === undefined ? undefined : clean(error.requestId);
    return { ...event, error: { ...error, reason: clean(error.reason), detail: clean(error.detail), requestId } };
  }
  return event._tag === "ReplicationSkipped" && event.detail !== undefined
    ? { ...event, detail: clean(event.detail) }
    : event;
};
export const clean = (text: string): string =>
  text.toWellFormed().replaceAll("\u0000", "\uFFFD").slice(0, TEXT_CHARACTERS_MOST).toWellFormed();
