import type { Dray } from "./dray.ts";

/** What the tests read of the admin API (DESIGN.md section 4.3, `/openapi.json`). */
export interface TargetState {
  readonly name: string;
  /** `level`, `behind` or `unknown`. */
  readonly state: string;
  readonly reasons: ReadonlyArray<string>;
  readonly backlog: number;
  readonly parked: number;
}
export interface DeliveryRow {
  readonly target: string;
  readonly repository: string;
  readonly tag: string;
  /** `idle`, `pending`, `leased` or `parked`. */
  readonly state: string;
}
export interface EventRow {
  readonly position: number;
  /** `io.drayage.image.pushed.v1` */
  readonly type: string;
  readonly subject?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The most that the API gives at once. */
const PAGE = 1000;

export const targets = async (dray: Pick<Dray, "admin">): Promise<ReadonlyArray<TargetState>> =>
  list<TargetState>(await dray.admin("/api/v1/targets"), "targets");

/** All deliveries, page by page. */
export const deliveries = async (dray: Pick<Dray, "admin">): Promise<ReadonlyArray<DeliveryRow>> => {
  const all: DeliveryRow[] = [];
  for (let after = ""; ; ) {
    const page = await dray.admin(`/api/v1/deliveries?limit=${PAGE}${after}`);
    all.push(...list<DeliveryRow>(page, "deliveries"));
    const { next } = page as { readonly next?: string };
    if (next === undefined) return all;
    after = `&after=${next}`;
  }
};

/** The whole log in order of position, page by page. */
export const events = async (dray: Pick<Dray, "admin">): Promise<ReadonlyArray<EventRow>> => {
  const all: EventRow[] = [];
  for (;;) {
    const after = all.at(-1)?.position ?? 0;
    const page = list<EventRow>(await dray.admin(`/api/v1/events?after=${after}&limit=${PAGE}`), "events");
    if (page.length === 0) return all;
    all.push(...page);
  }
};

const list = <A>(page: unknown, key: string): ReadonlyArray<A> => {
  const items = (page as Readonly<Record<string, unknown>>)[key];
  if (!Array.isArray(items)) throw new Error(`the admin API gives no ${key}: ${JSON.stringify(page).slice(0, 200)}`);
  return items as ReadonlyArray<A>;
};
