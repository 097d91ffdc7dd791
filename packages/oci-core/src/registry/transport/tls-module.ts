/**
 * `node:tls`, loaded when the first connection or setting needs it: it is the dearest module of Node that a copy uses (7 ms of the start, measured),
 * and a connection is made without waiting for anything.
 */
export const tlsModule = () => process.getBuiltinModule("node:tls");
