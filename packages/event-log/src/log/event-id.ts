import { randomFillSync } from "node:crypto";

const ID_BYTES = 16;
/** Random bytes are fetched for many ids at once: one call for each id was a tenth of what a notification costs us. */
const POOL_BYTES = 256 * ID_BYTES;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** A UUID of version 7 (RFC 9562 section 5.7): begins with the time, so that the index grows at its end only. */
export const newEventId = (): string => {
  if (used === POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += ID_BYTES;
  pool.writeUIntBE(Date.now(), at, 6);
  pool[at + 6] = ((pool[at + 6] ?? 0) & 0x0f) | 0x70;
  pool[at + 8] = ((pool[at + 8] ?? 0) & 0x3f) | 0x80;
  const hex = pool.toString("hex", at, used);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
