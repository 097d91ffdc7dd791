import { type BookEntry, readBooks, readSourceBooks, sourceRepositories } from "@drayage/delivery";
import type { DatabaseError, DatabaseShape } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import type { Books } from "./compare-repository.ts";
import type { Reconcile } from "./reconcile.ts";

type FromBooks<E> = Pick<Reconcile<E>, "books" | "delivered" | "known">;

/** Our books as they stand in the database. */
export const databaseBooks = (database: DatabaseShape): FromBooks<DatabaseError> => {
  const booked = (read: () => Promise<ReadonlyArray<BookEntry>>) =>
    database.attempt("read books", read).pipe(
      Effect.map((rows) =>
        rows.map(({ state, ...row }) => ({
          ...row,
          pending: state === "pending" || state === "leased",
          parked: state === "parked",
        })),
      ),
    );
  const books: Books<DatabaseError> = ({ registry, repository }) =>
    booked(() => readSourceBooks(database.kysely, registry, repository));
  const delivered: Books<DatabaseError> = ({ registry, repository }) =>
    booked(() => readBooks(database.kysely, registry, repository));
  return {
    books,
    delivered,
    known: (registry) =>
      database.attempt("read known repositories", () => sourceRepositories(database.kysely, registry)),
  };
};

/** For a comparison without a database: everything that differs is told, and nothing is ours. */
export const noBooks: FromBooks<never> = { books: () => Effect.succeed([]), known: () => Effect.succeed([]) };
