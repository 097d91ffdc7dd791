/**
 * Bytes of bodies that are in memory at once, all senders together. A body is at most 8 MiB and a sender may be anybody who reaches the port
 * (signatures need the body), so without this a few hundred connections would be gigabytes. Eight of the largest, or
 * tens of thousands of usual ones.
 */
const BYTES_IN_FLIGHT_MAX = 64 * 1024 * 1024;

export interface BodyBudget {
  /** Runs with `bytes` set aside; `undefined` when there is no room. */
  readonly within: <A>(bytes: number, read: () => Promise<A>) => Promise<A | undefined>;
}

export const bodyBudget = (bytesMax = BYTES_IN_FLIGHT_MAX): BodyBudget => {
  let inFlight = 0;
  return {
    within: async (bytes, read) => {
      if (inFlight + bytes > bytesMax) return undefined;
      inFlight += bytes;
      try {
        return await read();
      } finally {
        inFlight -= bytes;
      }
    },
  };
};
