import { readSourceBooks, sourceRepositories } from "@drayage/delivery";
import type { DatabaseError, DatabaseShape } from "@drayage/event-log";
import * as Effect from "effect/Effect";
import type { Books } from "./compare-repository.ts";
import type { Reconcile } from "./reconcile.ts";

type FromBooks<E> = Pick<Reconcile<E>, "books" | "known">;

/** Our books as they stand in the database. */
export const databaseBooks = (database: DatabaseShape): FromBooks<DatabaseError> => {
  const books: Books<DatabaseError> = ({ registry, repository }) =>
    database
      .attempt("read books", () => readSourceBooks(database.kysely, registry, repository))
      .pipe(
        Effect.map((rows) =>
          rows.map(({ state, ...row }) => ({
            ...row,
            pending: state === "pending" || state === "leased",
            parked: state === "parked",
          })),
        ),
      );
  return {
    books,
    known: (registry) =>
      database.attempt("read known repositories", () => sourceRepositories(database.kysely, registry)),
  };
};

/** For a comparison without a database: everything that differs is told, and nothing is ours. */
export const noBooks: FromBooks<never> = { books: () => Effect.succeed([]), known: () => Effect.succeed([]) };
