import { describe, expect, it } from "vitest";
import { BrokenInvariant, DatabaseError, isTransient, toDatabaseError } from "./errors.ts";

const withCode = (code: string): Error => Object.assign(new Error("failed"), { code });

describe("whether the same operation may succeed later", () => {
  it.each([
    ["08006", true], // connection failure
    ["53300", true], // too many connections
    ["57P01", true], // terminated by an administrator
    ["57P03", true], // starting up
    ["57014", true], // statement timeout
    ["40001", true], // serialization failure
    ["40P01", true], // deadlock
    ["55P03", true], // lock timeout
    ["25006", true], // read only after a failover
    ["58030", true], // I/O error
    ["ECONNREFUSED", true],
    ["ENOENT", true], // the socket of a server that restarts
    ["23505", false], // unique violation
    ["22P05", false], // untranslatable character
    ["42P01", false], // no such table
    ["28P01", false], // wrong password
    ["3D000", false], // no such database
    ["XX001", false], // data corrupted
  ])("%s: %s", (code, transient) => {
    expect(isTransient(withCode(code))).toBe(transient);
  });
  it.each([
    ["Connection terminated unexpectedly", true],
    ["Client has encountered a connection error and is not queryable", true],
    ["timeout exceeded when trying to connect", true],
    ["Query read timeout", true],
    ["Cannot use a pool after calling end on the pool", false],
  ])("%s: %s", (message, transient) => {
    expect(isTransient(new Error(message))).toBe(transient);
  });
});

describe("what the driver throws", () => {
  it("becomes one line with operation and code", () => {
    const error = toDatabaseError("append")(Object.assign(new Error("a\n  b"), { code: "23505" }));
    expect(error.message).toBe("database: append failed (23505): a b");
  });
  it("passes when it is ours", () => {
    const own = new DatabaseError({ operation: "x", code: undefined, transient: true, detail: "d", cause: undefined });
    expect(toDatabaseError("y")(own)).toBe(own);
  });
  it.each([new TypeError("bug"), new BrokenInvariant("bug")])("is thrown again when it is a bug: %s", (bug) => {
    expect(() => toDatabaseError("x")(bug)).toThrow(bug);
  });
});
