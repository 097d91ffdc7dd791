/** What JSON can hold. Everything that is stored in the log or sent over a wire has this shape. */
export type Json = string | number | boolean | null | ReadonlyArray<Json> | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * A value as JSON. Absent (`undefined`) fields are left out, as JSON has no word for them.
 * Throws a `TypeError` for what JSON cannot hold (dates, functions, NaN): no type of this package contains such a value,
 * so that is a bug and not an error to handle.
 */
export const toJson = (value: unknown): Json => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object" && isPlain(value)) return toJsonObject(value);
  throw new TypeError(`an event holds a ${typeof value} that JSON cannot hold`);
};
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** `toJson` for objects. */
export const toJsonObject = (value: object): JsonObject => {
  const out: Record<string, Json> = {};
  for (const [key, field] of Object.entries(value)) if (field !== undefined) out[key] = toJson(field);
  return out;
};
