/** The status with which a proxy refused to connect us; `undefined` for any other failure. undici tells it in its message alone. */
export const proxyRefusal = (cause: unknown): number | undefined => {
  const message = cause instanceof Error ? cause.message : "";
  const [, tunnel] = /^Proxy response \((\d{3})\) !== 200/.exec(message) ?? [];
  return tunnel !== undefined ? Number(tunnel) : message === "Proxy Authentication Required (407)" ? 407 : undefined;
};
