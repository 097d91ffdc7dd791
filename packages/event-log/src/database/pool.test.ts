import type { PostgresPoolClient } from "kysely";
import { expect, it } from "vitest";
import { discarding } from "./pool.ts";

/** A connection that fails each query so, and remembers how it was released. */
const failing = (message: string) => {
  const seen: { queries: number; released: Array<boolean | undefined> } = { queries: 0, released: [] };
  const query = () => {
    seen.queries++;
    return Promise.reject(new Error(message));
  };
  const release = (destroy?: boolean) => void seen.released.push(destroy);
  const client: PostgresPoolClient = Object.assign(Object.create(null), { query, release });
  return { client: discarding(client), seen };
};

it("a connection whose answer was not waited for is used no more", async () => {
  const { client, seen } = failing("Query read timeout");
  await expect(client.query("select 1", [])).rejects.toThrow("Query read timeout");
  await expect(client.query("rollback", [])).rejects.toThrow("Query read timeout");
  client.release();
  expect(seen).toEqual({ queries: 1, released: [true] });
});

it("a connection whose query failed goes back to the pool", async () => {
  const { client, seen } = failing("division by zero");
  await expect(client.query("select 1/0", [])).rejects.toThrow("division by zero");
  await expect(client.query("rollback", [])).rejects.toThrow("division by zero");
  client.release();
  expect(seen).toEqual({ queries: 2, released: [false] });
});
