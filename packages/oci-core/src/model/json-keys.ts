const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const COLON = 58;

/**
 * The keys of the outermost object, in order and with repetitions. `JSON.parse` keeps the last of two equal keys and says nothing, other
 * readers keep the first: a document that different readers understand differently must not pass (CVE-2021-41190).
 * The text must have been accepted by `JSON.parse` before: that is what lets this stay a simple scan.
 */
export const topLevelKeys = (json: string): ReadonlyArray<string> => {
  const keys: string[] = [];
  let depth = 0;
  let lastString = "";
  for (let i = 0; i < json.length; i++) {
    switch (json.charCodeAt(i)) {
      case QUOTE: {
        const end = closingQuote(json, i + 1);
        if (depth === 1) lastString = json.slice(i, end + 1);
        i = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        depth++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--;
        break;
      case COLON:
        // Outside of strings a colon stands only after a key.
        if (depth === 1) keys.push(String(JSON.parse(lastString)));
        break;
    }
  }
  return keys;
};

const closingQuote = (json: string, from: number): number => {
  let i = from;
  while (i < json.length && json.charCodeAt(i) !== QUOTE) i += json.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
};
