/** Digests as people can compare them: `sha256:` and twelve digits, wherever one stands in a text. */
export const shortDigest = (text: string): string => text.replaceAll(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, "$1");
