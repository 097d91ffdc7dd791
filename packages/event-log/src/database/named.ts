import { type RawBuilder, sql } from "kysely";

const NAMED = /^\/\* named: ([a-z0-9_]+) \*\//;

/**
 * At the head of a statement: it is parsed and planned once for each connection, and not at each call. For what is run hundreds of times a
 * second. One name has one text; the driver throws at a second one.
 */
export const named = (name: string): RawBuilder<unknown> => sql.raw(`/* named: ${name} */`);

/** The name that a statement was given. */
export const nameOf = (text: string): string | undefined => NAMED.exec(text)?.[1];
