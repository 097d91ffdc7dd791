import { randomUUID } from "node:crypto";
import { makeSpool, type Spool } from "./content.ts";

/** An open upload. */
export interface UploadSession {
  readonly id: string;
  readonly repository: string;
  spool: Spool;
  /** Part of the Location; changes with every step, so that a stale Location shows. */
  step: number;
  /** PATCH requests so far. */
  patches: number;
  /** A chunk below `OCI-Chunk-Min-Length` came: nothing may follow it. */
  shortChunk: boolean;
  /** Steps of one upload run one after the other, in the order in which they came. */
  tail: Promise<void>;
}

/** The open uploads of the registry. */
export interface Uploads {
  readonly open: (repository: string) => UploadSession;
  /** The session of that name in that repository. */
  readonly find: (repository: string, id: string) => UploadSession | undefined;
  /** Throws away what the session has, and starts it from nothing. */
  readonly restart: (session: UploadSession) => Promise<void>;
  readonly close: (session: UploadSession) => void;
  readonly count: () => number;
}

/** `directory` takes what is too big for memory. */
export const makeUploads = (directory: string): Uploads => {
  const sessions = new Map<string, UploadSession>();
  const spool = (): Spool => makeSpool(directory, randomUUID());
  return {
    open: (repository) => {
      const session: UploadSession = {
        id: randomUUID(),
        repository,
        spool: spool(),
        step: 0,
        patches: 0,
        shortChunk: false,
        tail: Promise.resolve(),
      };
      sessions.set(session.id, session);
      return session;
    },
    find: (repository, id) => {
      const session = sessions.get(id);
      return session?.repository === repository ? session : undefined;
    },
    restart: async (session) => {
      await session.spool.discard();
      session.spool = spool();
    },
    close: (session) => {
      sessions.delete(session.id);
    },
    count: () => sessions.size,
  };
};

/** Runs `step` after all earlier steps of this upload, whether they went well or not. */
export const inTurn = <A>(session: UploadSession, step: () => Promise<A>): Promise<A> => {
  const run = session.tail.then(step);
  session.tail = run.then(
    () => undefined,
    () => undefined,
  );
  return run;
};
