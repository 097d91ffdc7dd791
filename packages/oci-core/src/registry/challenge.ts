/** One way of proving who we are that a 401 offers. Source: RFC 9110 section 11.6.1, distribution token specification. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case; quotes and escapes taken off the values. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Real challenges are under 1 KiB, a scope of many repositories makes them longer; what is longer than this is not read. */
const HEADER_LENGTH_MAX = 16 * 1024;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
/** `token68`, as in `Negotiate abc==`. */
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const EQUALS = /\s*=\s*/y;
const SEPARATOR = /[\s,]+/y;

/**
 * All challenges of all `WWW-Authenticate` headers, in order. Several may stand in one header, where a comma separates both
 * parameters and challenges, and may also stand inside a quoted scope. Never throws; reading stops at what makes no sense.
 */
export const parseChallenges = (headers: ReadonlyArray<string>): ReadonlyArray<Challenge> =>
  headers.flatMap(parseHeader);

const parseHeader = (header: string): ReadonlyArray<Challenge> => {
  const found: Array<{ scheme: string; parameters: Map<string, string> }> = [];
  const text = header.slice(0, HEADER_LENGTH_MAX);
  let at = 0;
  const take = (expression: RegExp): string | undefined => {
    expression.lastIndex = at;
    const match = expression.exec(text)?.[0];
    if (match !== undefined) at += match.length;
    return match;
  };
  while (at < text.length) {
    take(SEPARATOR);
    const word = take(TOKEN);
    if (word === undefined) break;
    const current = found.at(-1);
    if (current !== undefined && take(EQUALS) !== undefined) {
      const quoted = text[at] === '"';
      const value = quoted ? quotedString(text, at) : take(TOKEN);
      if (value === undefined) break;
      if (quoted) at += value.length;
      current.parameters.set(word.toLowerCase(), quoted ? unquote(value) : value);
    } else {
      found.push({ scheme: word.toLowerCase(), parameters: new Map() });
      take(/\s+/y);
      if (!/^[^\s,]*\s*=/.test(text.slice(at)) || /^[A-Za-z0-9._~+/-]+={1,2}\s*(?:,|$)/.test(text.slice(at)))
        take(TOKEN68);
    }
  }
  return found;
};

/** The quoted string that starts at `from`, quotes included; `undefined` if it is never closed. */
const quotedString = (text: string, from: number): string | undefined => {
  let end = from + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end < text.length ? text.slice(from, end + 1) : undefined;
};

const unquote = (quoted: string): string => quoted.slice(1, -1).replace(/\\(.)/g, "$1");
