import type { JsonObject, RecordedEvent } from "./model.ts";
import type { ReadBackwardOptions, ReadOptions } from "./read.ts";

/** How an event of an older type is read today. */
export interface Upcast {
  /** The type that it becomes: the next version. */
  readonly to: string;
  readonly data: (data: JsonObject, event: RecordedEvent) => JsonObject;
}

/**
 * Older types, by name. Events are never rewritten; whoever reads through the log sees the newest version only, of whatever age the event is. From
 * version to version: one of 1 goes through 2 to become 3.
 */
export type Upcasts = Readonly<Record<string, Upcast>>;

/** One event in its newest version. */
export const upcast = (upcasts: Upcasts, event: RecordedEvent): RecordedEvent => {
  let current = event;
  for (let step = 0; ; step++) {
    const next = Object.hasOwn(upcasts, current.type) ? upcasts[current.type] : undefined;
    if (next === undefined) return current;
    if (step > Object.keys(upcasts).length) throw new TypeError(`the versions of ${event.type} lead in a circle`);
    current = { ...current, type: next.to, data: next.data(current.data, current) };
  }
};

/** Whoever asks for a type asks for all that becomes it. */
export const withOlder = <O extends ReadOptions | ReadBackwardOptions>(upcasts: Upcasts, options: O): O => {
  if (options.types === undefined) return options;
  const types = new Set(options.types);
  for (let size = -1; size !== types.size; ) {
    size = types.size;
    for (const [older, { to }] of Object.entries(upcasts)) if (types.has(to)) types.add(older);
  }
  return { ...options, types: [...types] };
};
