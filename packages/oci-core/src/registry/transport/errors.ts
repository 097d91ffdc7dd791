/** What went wrong below HTTP, before an answer could be read as one of a registry. */
export type TransportCode =
  | "DRAYAGE_CLOSED" // the connection ended or broke
  | "DRAYAGE_STALLED" // nothing moved for the time that was allowed
  | "DRAYAGE_INVALID_ANSWER" // what came is not HTTP/1.1 as we take it
  | "DRAYAGE_BODY_LENGTH"; // our own body was longer or shorter than its Content-Length

/** An error of a connection, as `causeFailure` reads it. */
export class TransportError extends Error {
  readonly code: TransportCode;
  constructor(code: TransportCode, message: string) {
    super(message);
    this.code = code;
  }
}
