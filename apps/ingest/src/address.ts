/** What a request line asks for. */
export type Address = { readonly _tag: "Notification"; readonly registry: string } | { readonly _tag: "NoSuchPath" };

const PATH = /^\/notifications\/([^/]+)\/?$/;
/** Far above any name that a configuration has; the rest is not worth looking up. */
const NAME_LENGTH_MAX = 200;

/** Reads `/notifications/{registry}`. A query is left alone: some senders add one. */
export const addressOf = (url: string | undefined): Address => {
  const [, encoded] = PATH.exec(url?.split("?", 1)[0] ?? "") ?? [];
  const registry = encoded === undefined ? undefined : decoded(encoded);
  return registry === undefined || registry.length > NAME_LENGTH_MAX
    ? { _tag: "NoSuchPath" }
    : { _tag: "Notification", registry };
};

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};
