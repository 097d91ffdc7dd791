/** What was written and cannot be read yet, by `readsLagMs`. */
export interface ReadLag {
  /** `before`: what reads still see under this key; `undefined`: nothing. */
  readonly written: (repository: string, reference: string, before: string | undefined, ms: number) => void;
  /** What reads see instead of what is there; `undefined`: what is there. */
  readonly instead: (repository: string, reference: string) => { readonly before: string | undefined } | undefined;
}

export const makeReadLag = (): ReadLag => {
  const late = new Map<string, { readonly until: number; readonly before: string | undefined }>();
  const keyOf = (repository: string, reference: string): string => `${repository} ${reference}`;
  const current = (key: string) => {
    const entry = late.get(key);
    if (entry !== undefined && entry.until > performance.now()) return entry;
    late.delete(key);
    return undefined;
  };
  return {
    written: (repository, reference, before, ms) => {
      if (ms <= 0) return;
      const key = keyOf(repository, reference);
      // Of several writes within the time, reads see what was there before the first.
      late.set(key, { until: performance.now() + ms, before: (current(key) ?? { before }).before });
    },
    instead: (repository, reference) => current(keyOf(repository, reference)),
  };
};
