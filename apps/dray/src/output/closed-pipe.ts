type Listener = () => void;
const listeners = new Set<Listener>();

/**
 * `dray events | head`: a reader that has seen enough closes the pipe, and Node's answer to that is an unhandled error. Whoever writes for
 * long asks to be told with `onReaderGone`; the rest just ends. Anything but a closed pipe (a full disk) stays an error.
 */
export const surviveClosedPipes = (): void => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    for (const listener of listeners) listener();
  });
  // Nobody is left to be told anything.
  process.stderr.on("error", () => {});
};

/** Calls `listener` when nobody reads our output any more; gives the way to take it back. */
export const onReaderGone = (listener: Listener): Listener => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
