import { type LookupAddress, lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { addressKind, hostKind } from "./addresses.ts";

/**
 * Name resolution for hosts that a registry named. The address is checked here, at connect time, so that a name which changes its address
 * between check and use (DNS rebinding) gains nothing: never link-local, and loopback only for a registry that is on loopback itself.
 */
export const guardedLookup = (registry: URL): LookupFunction => {
  const registryIsLocal = hostKind(registry.hostname) === "loopback";
  const refused = (address: string): boolean => {
    const kind = addressKind(address);
    return kind === "forbidden" || (kind === "loopback" && !registryIsLocal);
  };
  return (hostname, options, callback) => {
    lookup(
      hostname,
      { ...options, all: true },
      (error: NodeJS.ErrnoException | null, found: ReadonlyArray<LookupAddress>) => {
        if (error !== null) return callback(error, [], 0);
        const allowed = found.filter(({ address }) => !refused(address));
        const [first] = allowed;
        if (first === undefined) return callback(new RefusedAddress(hostname), [], 0);
        if (options.all === true) return callback(null, allowed);
        return callback(null, first.address, first.family);
      },
    );
  };
};

/** A name that a registry gave us leads to an address that we do not call. */
export class RefusedAddress extends Error {
  readonly code = "DRAYAGE_REFUSED_ADDRESS";
  constructor(hostname: string) {
    super(`${hostname} resolves to a link-local or loopback address only`);
  }
}
