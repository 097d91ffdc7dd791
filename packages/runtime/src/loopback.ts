import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/** RFC 1122 3.2.1.3 and RFC 4291 2.5.3. An IPv4-mapped address (`::ffff:127.0.0.1`) is matched by the IPv4 rule. */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Names of headers by which a proxy says that it speaks for somebody else. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip"] as const;

/** Whether this socket address is of this machine's loopback interface. A missing address (a socket that is gone) is not. */
export const isLoopback = (address: string | undefined): boolean => {
  const plain = address?.split("%")[0] ?? "";
  const family = isIP(plain);
  return family !== 0 && LOOPBACK.check(plain, family === 4 ? "ipv4" : "ipv6");
};

/**
 * Whether the sender of the request itself is on this machine. A reverse proxy on this machine connects from loopback too, but for
 * somebody else, and says so in a header: such a request is not local.
 */
export const isLocalRequest = (request: IncomingMessage): boolean =>
  isLoopback(request.socket.remoteAddress) && FORWARDED.every((name) => request.headers[name] === undefined);
