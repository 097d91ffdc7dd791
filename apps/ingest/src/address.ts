/** What a request line asks for. */
export type Address =
  | {
      readonly _tag: "Notification";
      readonly registry: string;
      /** `?secret=`, for senders that can send no header. */
      readonly secret?: string | undefined;
    }
  | { readonly _tag: "NoSuchPath" };

const PATH = /^\/notifications\/([^/]+)\/?$/;
/** Far above any name that a configuration has; the rest is not worth looking up. */
const NAME_LENGTH_MAX = 200;

/** Reads `/notifications/{registry}?secret={secret}`. Anything else in the query is left alone: some senders add to it. */
export const addressOf = (url: string | undefined): Address => {
  const [path = "", query] = url?.split("?", 2) ?? [];
  const [, encoded] = PATH.exec(path) ?? [];
  const registry = encoded === undefined ? undefined : decoded(encoded);
  return registry === undefined || registry.length > NAME_LENGTH_MAX
    ? { _tag: "NoSuchPath" }
    : { _tag: "Notification", registry, secret: query === undefined ? undefined : secretIn(query) };
};

const secretIn = (query: string): string | undefined => new URLSearchParams(query).get("secret") ?? undefined;

const decoded = (text: string): string | undefined => {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};
