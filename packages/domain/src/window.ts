/** Hours of the day in which bulk work may begin. `from` and `until` are minutes since midnight, `until` itself is outside; over midnight where it is the smaller. */
export interface Window {
  readonly from: number;
  readonly until: number;
  /** IANA name of the time zone. */
  readonly zone: string;
}

const MINUTES_OF_HOUR = 60;
const MINUTES_OF_DAY = 24 * MINUTES_OF_HOUR;

/** Reads `20:00-06:00`. Undefined: that is none, or the zone is unknown. */
export const parseWindow = (text: string, zone: string): Window | undefined => {
  const [, ...parts] = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const [h = 99, m = 99, untilH = 99, untilM = 99] = parts.map(Number);
  const from = h * MINUTES_OF_HOUR + m;
  const until = untilH * MINUTES_OF_HOUR + untilM;
  const isTime = (minutes: number, ofHour: number): boolean => minutes <= MINUTES_OF_DAY && ofHour < MINUTES_OF_HOUR;
  if (!isTime(from, m) || !isTime(until, untilM) || from === until || clock(zone) === undefined) return undefined;
  return { from, until, zone };
};

export const windowText = ({ from, until, zone }: Window): string => `${clockText(from)}-${clockText(until)} ${zone}`;
const clockText = (minutes: number): string =>
  [Math.floor(minutes / MINUTES_OF_HOUR), minutes % MINUTES_OF_HOUR].map((n) => String(n).padStart(2, "0")).join(":");

/** Whether a moment is inside. A zone that this machine does not know is taken for UTC. */
export const isWithin = ({ from, until, zone }: Window, at: Date): boolean => {
  const parts = (clock(zone) ?? clock("UTC"))?.formatToParts(at) ?? [];
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value ?? 0);
  const now = part("hour") * MINUTES_OF_HOUR + part("minute");
  return from < until ? from <= now && now < until : from <= now || now < until;
};

/** One for each zone that a configuration knows: a handful. */
const clocks = new Map<string, Intl.DateTimeFormat | undefined>();
const clock = (zone: string): Intl.DateTimeFormat | undefined => {
  if (!clocks.has(zone)) clocks.set(zone, makeClock(zone));
  return clocks.get(zone);
};
const makeClock = (timeZone: string): Intl.DateTimeFormat | undefined => {
  try {
    return new Intl.DateTimeFormat("en", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  } catch {
    return undefined; // no such zone
  }
};
