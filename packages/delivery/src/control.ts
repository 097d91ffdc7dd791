import { isWithin, type Window } from "@drayage/domain";
import { type RawBuilder, sql } from "kysely";

/** What a person said of a target (table `target_control`), as it stands at `at` by the clock of the database. */
export interface Control {
  readonly paused: boolean;
  readonly backfillPaused: boolean;
  /** Backfill begins only inside. */
  readonly window?: Window | undefined;
  readonly at: Date;
}
export interface ControlRow {
  readonly at: Date;
  readonly paused: boolean | null;
  readonly backfill_paused: boolean | null;
  readonly window_from: number | null;
  readonly window_until: number | null;
  readonly window_zone: string | null;
}

/** One row, whether or not there is one in the table. */
export const readControl = (target: string): RawBuilder<ControlRow> => sql`
  select now() as at, c.paused_at is not null as paused, c.backfill_paused_at is not null as backfill_paused,
    c.window_from, c.window_until, c.window_zone
  from (select 1) one left join target_control c on c.target = ${target}`;

export const toControl = (row: ControlRow | undefined): Control => {
  const { window_from: from, window_until: until, window_zone: zone } = row ?? {};
  const hasWindow = typeof from === "number" && typeof until === "number" && typeof zone === "string";
  return {
    paused: row?.paused === true,
    backfillPaused: row?.backfill_paused === true,
    window: hasWindow ? { from, until, zone } : undefined,
    at: row?.at ?? new Date(),
  };
};

export const mayBackfill = ({ backfillPaused, window, at }: Control): boolean =>
  !backfillPaused && (window === undefined || isWithin(window, at));
