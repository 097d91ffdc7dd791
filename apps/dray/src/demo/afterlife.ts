import { spawn } from "node:child_process";
import { join } from "node:path";
import * as Effect from "effect/Effect";

/**
 * What stays of a demo that was killed with SIGKILL: its embedded database would run for ever, since nobody starts in its directory again and
 * takes it over, as the next `dray up` does. So a shell of its own session reads a pipe that we hold open: it ends with us, however we
 * end, and then the shell stops the server (fast shutdown) and removes the directory. After an orderly end there is nothing left to do.
 * Without a shell (a container image that has none) the server ends by itself once somebody removes its directory.
 */
const AFTERLIFE = `
cat >/dev/null
pid=$(sed -n 1p "$2" 2>/dev/null) && sockets=$(sed -n 5p "$2" 2>/dev/null)
if [ -n "$pid" ] && kill -INT "$pid" 2>/dev/null; then
  for second in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 1; done
  rmdir "$sockets" 2>/dev/null
fi
rm -rf "$1"
`;

/** Has what lies in `directory` ended when this process is no more. `dataDir` is that of the embedded database. */
export const afterlife = (directory: string, dataDir: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      // A cluster's own lock file: its first line is the server's process, the fifth its socket directory.
      const lockFile = join(dataDir, "postgres", "cluster", "postmaster.pid");
      const shell = spawn("/bin/sh", ["-c", AFTERLIFE, "afterlife", directory, lockFile], {
        // Ctrl-C in the terminal is for us.
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
      });
      shell.on("error", () => {}); // no shell: told above
      shell.stdin.on("error", () => {});
      shell.unref();
      return shell;
    }),
    (shell) => Effect.sync(() => shell.stdin.end()),
  );
