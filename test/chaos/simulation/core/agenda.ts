/** What will happen, by virtual time. Of two things at one time chance decides which is first. */
interface Entry {
  readonly at: number;
  readonly turn: number;
  /** Undefined once it was called off. */
  run: (() => void) | undefined;
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.turn < b.turn);

/** A binary heap: some ten thousand entries come and go in one schedule. */
export class Agenda {
  readonly #entries: Array<Entry> = [];

  /** Returns what calls it off. */
  add(at: number, turn: number, run: () => void): () => void {
    const entry: Entry = { at, turn, run };
    const entries = this.#entries;
    let place = entries.push(entry) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      entries[place] = parent;
      place = above;
    }
    entries[place] = entry;
    return () => {
      entry.run = undefined;
    };
  }

  /** The next thing that was not called off. */
  take(): { readonly at: number; readonly run: () => void } | undefined {
    for (;;) {
      const first = this.#takeFirst();
      if (first === undefined) return undefined;
      if (first.run !== undefined) return { at: first.at, run: first.run };
    }
  }

  #takeFirst(): Entry | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (first === undefined || last === undefined || entries.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [a, b] = [entries[left], entries[left + 1]];
      const least = b !== undefined && a !== undefined && isBefore(b, a) ? left + 1 : left;
      const child = entries[least];
      if (child === undefined || !isBefore(child, last)) break;
      entries[place] = child;
      place = least;
    }
    entries[place] = last;
    return first;
  }
}
