/**
 * Arrays for `unnest`, in the binary format of PostgreSQL (`array_recv`). As text, each value is escaped here and unescaped there, and bytes
 * are sent as hex: a third of what an append cost this process. A column without any value is null: `unnest` fills it up.
 */

/** OIDs of the element types, fixed for ever (pg_type.dat). */
const OID = { bytea: 17, text: 25, timestamptz: 1184, uuid: 2950, jsonb: 3802 } as const;
const INT = 4;
/** Dimensions, has-nulls, type; length and lower bound of the one dimension. */
const HEAD = 5 * INT;
const NULL_LENGTH = -1;

type Write<A> = (value: A, into: Buffer, at: number) => void;

const column = <A>(
  oid: number,
  values: ReadonlyArray<A | undefined>,
  sizeOf: (value: A) => number,
  write: Write<A>,
): Buffer | null => {
  let size = HEAD;
  let given = 0;
  const sizes = values.map((value) => {
    if (value === undefined) return NULL_LENGTH;
    given++;
    const bytes = sizeOf(value);
    size += bytes;
    return bytes;
  });
  if (given === 0) return null;
  const into = Buffer.allocUnsafe(size + values.length * INT);
  [1, given < values.length ? 1 : 0, oid, values.length, 1].forEach((int, i) => {
    into.writeInt32BE(int, i * INT);
  });
  let at = HEAD;
  values.forEach((value, i) => {
    const bytes = sizes[i] ?? NULL_LENGTH;
    at = into.writeInt32BE(bytes, at);
    if (value === undefined) return;
    write(value, into, at);
    at += bytes;
  });
  return into;
};

const writeText: Write<string> = (text, into, at) => void into.write(text, at);

export const textColumn = (values: ReadonlyArray<string | undefined>): Buffer | null =>
  column(OID.text, values, Buffer.byteLength, writeText);

/** `jsonb` has its version, 1, before the text. */
export const jsonColumn = (values: ReadonlyArray<string | undefined>): Buffer | null =>
  column(
    OID.jsonb,
    values,
    (json) => 1 + Buffer.byteLength(json),
    (json, into, at) => void into.write(json, into.writeUInt8(1, at)),
  );

const UUID_BYTES = 16;
export const uuidColumn = (values: ReadonlyArray<string | undefined>): Buffer | null =>
  column(
    OID.uuid,
    values,
    () => UUID_BYTES,
    (uuid, into, at) => {
      const hex = uuid.replaceAll("-", "");
      if (into.write(hex, at, UUID_BYTES, "hex") !== UUID_BYTES) throw new TypeError(`"${uuid}" is no UUID`);
    },
  );

/** PostgreSQL counts from here (2000-01-01), in microseconds. */
const EPOCH_MS = 946_684_800_000;
const TIME_BYTES = 8;
export const timeColumn = (values: ReadonlyArray<Date | undefined>): Buffer | null =>
  column(
    OID.timestamptz,
    values,
    () => TIME_BYTES,
    (time, into, at) => {
      // The last years of our era are beyond 2^53 microseconds.
      into.writeBigInt64BE(BigInt(time.getTime() - EPOCH_MS) * 1_000n, at);
    },
  );

export const bytesColumn = (values: ReadonlyArray<Uint8Array | undefined>): Buffer | null =>
  column(
    OID.bytea,
    values,
    (bytes) => bytes.byteLength,
    (bytes, into, at) => into.set(bytes, at),
  );
