import { SOCKET_PORT } from "./socket-directory.ts";

/**
 * Given on the command line, where they win over postgresql.conf and ALTER SYSTEM. Invariant 1 rests on the first three.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  listen_addresses: "", // the Unix socket only
  port: String(SOCKET_PORT),
  unix_socket_permissions: "0700",
  max_connections: "100", // ten for each role run on its own, guests, and room
  shared_buffers: "64MB", // a team's log; the system's page cache does the rest
  max_wal_size: "512MB", // bounds the disk and the time of a recovery
  min_wal_size: "80MB",
  log_min_messages: "warning",
  log_checkpoints: "off",
  log_timezone: "UTC",
  timezone: "UTC",
  jit: "off", // compiling costs more than our short queries
  cluster_name: "drayage", // shown by ps
};

export const settingArguments = (): ReadonlyArray<string> =>
  Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
