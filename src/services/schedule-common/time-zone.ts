/** Wall clocks of IANA time zones, from the tables that come with the runtime. */

/** Formatters kept; there are fewer than 600 zones, and names may be written in either case. */
const FORMATS_MAX = 1_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    if (formats.size >= FORMATS_MAX) formats.clear();
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** Whether this is the name of a time zone: `Europe/Berlin`, `UTC`. Offsets such as `+01:00` are none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** How far the zone's wall clock is ahead of UTC at this moment, in milliseconds. */
export function offsetMs(timeZone: string, atMs: number): number {
  const wholeMs = Math.floor(atMs / 1000) * 1000;
  const parts: Record<string, string> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(wholeMs)) parts[type] = value;
  const of = (name: string) => Number(parts[name]);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - wholeMs;
}

const DAY_MS = 86_400_000;

/** When the zone's clocks first show this; undefined when they leave it out. @param wallMs the wall clock, as if it were UTC */
export function utcOf(timeZone: string, wallMs: number): number | undefined {
  const offsets = [offsetMs(timeZone, wallMs - DAY_MS), offsetMs(timeZone, wallMs + DAY_MS)];
  const moments = offsets.map((offset) => wallMs - offset).filter((at) => at + offsetMs(timeZone, at) === wallMs);
  return moments.length === 0 ? undefined : Math.min(...moments);
}
