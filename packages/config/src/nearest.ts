import { distance } from "fastest-levenshtein";

/** Half of the letters may differ, but not more than three: beyond that a suggestion is a guess. */
const DISTANCE_MAX = 3;

/** The known word that was probably meant. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const limit = Math.min(DISTANCE_MAX, Math.ceil(word.length / 2));
  let best: { readonly word: string; readonly away: number } | undefined;
  for (const candidate of known) {
    const away = distance(word.toLowerCase(), candidate.toLowerCase());
    if (away <= limit && (best === undefined || away < best.away)) best = { word: candidate, away };
  }
  return best?.word;
};

/** `Did you mean "x"?`, or what there is to choose from. */
export const suggest = (word: string, known: ReadonlyArray<string>): string => {
  const meant = nearest(word, known);
  if (meant !== undefined) return `Did you mean "${meant}"?`;
  return known.length === 0 ? "Remove it: nothing is known here" : `Known here: ${known.join(", ")}`;
};
