/**
 * A process of its own with the embedded server, for tests that kill it. Arguments: the data directory, `owner` or `guest`,
 * and as root optionally the users to run the server as. Says one line of JSON when it is up or has failed, and ends on
 * SIGTERM as a role does: everything closed in order.
 */
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { openEmbedded } from "../embedded/open.ts";

const [dataDir = "", role, users] = process.argv.slice(2);
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

// Before we say anything: whoever hears that we are up may end us at once. For all of them: a second SIGTERM (timeout(1)
// sends one to the group, too) must not end us while we close.
const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
const timer = setInterval(() => {}, 60_000); // nothing else keeps the process alive
process.on("SIGTERM", () => {
  clearInterval(timer);
  stop();
});

const main = Effect.gen(function* () {
  const opened = yield* openEmbedded({
    dataDir,
    role: role === "guest" ? "guest" : "owner",
    users: users?.split(","),
  });
  say({ url: Redacted.value(opened.url), adopted: opened.adopted });
  yield* Effect.promise(() => stopped);
}).pipe(
  Effect.scoped,
  Effect.catch((error) => Effect.sync(() => say({ error: error._tag, message: error.message }))),
);
await Effect.runPromise(main);
clearInterval(timer);
