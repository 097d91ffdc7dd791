import type { Platform } from "./descriptor.ts";

/** `os/architecture` or `os/architecture/variant`, as people and configurations write it. */
export const platformString = (platform: Platform): string =>
  platform.variant === undefined || platform.variant === ""
    ? `${platform.os}/${platform.architecture}`
    : `${platform.os}/${platform.architecture}/${platform.variant}`;

const PLATFORM = /^([a-z0-9_.-]+)\/([a-z0-9_.-]+)(?:\/([a-z0-9_.-]+))?$/;

/** The reverse of `platformString`; `undefined` where the text is not two or three lower-case words with slashes between. */
export const parsePlatform = (text: string): Platform | undefined => {
  const [, os, architecture, variant] = PLATFORM.exec(text) ?? [];
  if (os === undefined || architecture === undefined) return undefined;
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
};
