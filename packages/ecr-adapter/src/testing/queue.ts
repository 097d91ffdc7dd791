/** A small SQS: messages are hidden while somebody has them, and come again when they are not removed. */
export interface TestQueue {
  readonly send: (body: string) => void;
  /** Waiting and hidden ones. */
  readonly size: () => number;
  readonly receive: (
    most: number,
    visibilityMs: number,
  ) => ReadonlyArray<{ readonly handle: string; readonly body: string }>;
  readonly remove: (handle: string) => void;
}

export const makeQueue = (): TestQueue => {
  const held = new Map<string, { readonly body: string; visibleAt: number }>();
  let next = 1;
  return {
    send: (body) => {
      held.set(`handle-${next++}`, { body, visibleAt: 0 });
    },
    size: () => held.size,
    receive: (most, visibilityMs) => {
      const now = Date.now();
      const visible = [...held].filter(([, message]) => message.visibleAt <= now).slice(0, most);
      for (const [, message] of visible) message.visibleAt = now + visibilityMs;
      return visible.map(([handle, { body }]) => ({ handle, body }));
    },
    remove: (handle) => {
      held.delete(handle);
    },
  };
};
