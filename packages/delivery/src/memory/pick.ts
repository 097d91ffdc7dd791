import { CANDIDATES_PER_CLAIM } from "../limits.ts";
import type { Row } from "./row.ts";

const order = (a: Row, b: Row): number =>
  b.priority - a.priority || a.requestedAt - b.requestedAt || Number(a.id) - Number(b.id);

/** Which of the ready rows a claim takes: the twin of the query in `claim.ts`, which explains the fairness. */
export const pick = (
  ready: ReadonlyArray<Row>,
  { limit, after, patient }: { readonly limit: number; readonly after: string; readonly patient: number },
): { readonly picked: ReadonlyArray<Row>; readonly after: string } => {
  const oldest = ready.toSorted(order);
  const top = oldest.filter((row) => row.priority === oldest[0]?.priority);
  const turns = [...new Set(top.map((row) => row.repository))]
    .filter((repository) => repository > after)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .slice(0, limit);
  const inTurn = turns.flatMap((repository) => top.find((row) => row.repository === repository) ?? []);
  const lower = oldest.filter((row) => row.priority < (oldest[0]?.priority ?? 0));
  const waiting = new Set(
    lower.toSorted((a, b) => order({ ...a, priority: 0 }, { ...b, priority: 0 })).slice(0, patient),
  );
  const candidates = [...new Set([...oldest.slice(0, limit * CANDIDATES_PER_CLAIM), ...inTurn, ...waiting])].toSorted(
    order,
  );
  const rounds = new Map<string, number>();
  const ranked = candidates.map((row) => {
    const key = `${row.priority} ${row.repository}`;
    const round = (rounds.get(key) ?? 0) + 1;
    rounds.set(key, round);
    return { row, round };
  });
  const picked = ranked
    .toSorted(
      (a, b) =>
        Number(waiting.has(b.row)) - Number(waiting.has(a.row)) ||
        b.row.priority - a.row.priority ||
        a.round - b.round ||
        order(a.row, b.row),
    )
    .slice(0, limit)
    .map(({ row }) => row);
  return { picked, after: turns.length < limit ? "" : (turns.at(-1) ?? "") };
};
