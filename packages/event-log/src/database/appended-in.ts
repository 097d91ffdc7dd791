/** Types of the events that an open transaction has appended, told when it has committed. A transaction that rolls back takes them with it. */
const appended = new WeakMap<object, Array<string>>();

export const noteAppended = (trx: object, types: ReadonlyArray<string>): void => {
  const before = appended.get(trx);
  if (before === undefined) appended.set(trx, [...types]);
  else before.push(...types);
};

export const appendedIn = (trx: object): ReadonlyArray<string> => appended.get(trx) ?? [];
