import type { Delivered } from "@drayage/oci-core";
import { printable } from "./names.ts";

/** Ids are UUIDs, actors are user names: what is longer is not from a registry. */
const TEXT_LENGTH_MAX = 200;
/** The last time that has four digits of year: what is later (or before 1970) is no clock, and no database reads it. */
const TIME_MAX = Date.UTC(9999, 11, 31);

/** What a body tells of its sending. What is odd counts as absent: none of it decides what is done. */
export const deliveredOf = (given: {
  readonly id?: string | undefined;
  /** RFC 3339, or seconds since 1970. */
  readonly time?: string | number | undefined;
  readonly actor?: string | undefined;
}): Delivered => {
  const { id, time: when = Number.NaN, actor = "" } = given;
  const time = new Date(typeof when === "number" ? when * 1000 : when);
  const name = printable(actor).slice(0, TEXT_LENGTH_MAX).toWellFormed();
  return {
    id: id === undefined || id === "" || id.length > TEXT_LENGTH_MAX ? undefined : id,
    time: time.getTime() >= 0 && time.getTime() <= TIME_MAX ? time : undefined,
    actor: name === "" ? undefined : name,
  };
};

/** The id of the n-th (from 0) fact of one delivery: the same on every retry, and another for each fact. */
export const nthOf = (delivery: Delivered, n: number): Delivered =>
  n === 0 || delivery.id === undefined ? delivery : { ...delivery, id: `${delivery.id}/${n}` };
