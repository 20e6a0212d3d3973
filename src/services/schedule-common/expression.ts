/**
 * Schedule expressions, as EventBridge, its Scheduler and Application Auto Scaling write them: `at(2030-01-01T10:00:00)`, `rate(5 minutes)`,
 * `cron(0 10 ? * MON-FRI *)`. Pure: when the next time is follows from the expression, the time zone and the time before it.
 *
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
import { Cron } from "croner";
import { offsetMs, utcOf } from "./time-zone.ts";

export type Schedule =
  /** Milliseconds since the epoch if the wall clock of the time zone were UTC. */
  | { readonly kind: "at"; readonly wallMs: number }
  | { readonly kind: "rate"; readonly everyMs: number }
  | { readonly kind: "cron"; readonly pattern: string };

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Undefined when the text is no schedule expression. */
export function parseSchedule(text: string): Schedule | undefined {
  const [, kind, inner] = /^(at|rate|cron)\((.*)\)$/.exec(text) ?? [];
  switch (kind) {
    case "at":
      return parseAt(inner!);
    case "rate":
      return parseRate(inner!);
    case "cron":
      return parseCron(inner!);
    default:
      return undefined;
  }
}

function parseAt(text: string): Schedule | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) return undefined;
  const wallMs = Date.parse(`${text}Z`);
  // The 31st of February is no day.
  if (Number.isNaN(wallMs) || !new Date(wallMs).toISOString().startsWith(text)) return undefined;
  return { kind: "at", wallMs };
}

/** One is `minute`, more are `minutes`: the other way round is refused, as on AWS. */
function parseRate(text: string): Schedule | undefined {
  const [, digits, unit, plural] = /^\s*(\d{1,9}) +(minute|hour|day)(s?)\s*$/.exec(text) ?? [];
  const count = Number(digits);
  if (!unit || count < 1 || (count === 1) !== (plural === "")) return undefined;
  return { kind: "rate", everyMs: count * UNIT_MS[unit]! };
}

const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/**
 * Minutes, hours, day of month, month, day of week (1 is Sunday), year. One of the two days must be `?`.
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
 */
function parseCron(text: string): Schedule | undefined {
  const fields = text.trim().toUpperCase().split(/\s+/);
  if (fields.length !== 6) return undefined;
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if ((dayOfMonth === "?") === (dayOfWeek === "?")) return undefined;
  const days = dayOfWeek === "?" ? "?" : weekdays(dayOfWeek);
  const parts = [
    list(minutes, 0, 59),
    list(hours, 0, 23),
    dayOfMonth === "?"
      ? "?"
      : /^(L|LW|(0?[1-9]|[12]\d|3[01])W)$/.test(dayOfMonth)
        ? dayOfMonth
        : list(dayOfMonth, 1, 31),
    list(named(month, MONTHS, 1), 1, 12),
    days,
    list(year, 1970, 2199),
  ];
  if (parts.includes(undefined)) return undefined;
  const pattern = ["0", ...parts].join(" ");
  try {
    cronOf(pattern);
  } catch {
    return undefined;
  }
  return { kind: "cron", pattern };
}

const named = (field: string, names: readonly string[], first: number): string =>
  field.replace(/[A-Z]{3}/g, (name) => (names.includes(name) ? String(names.indexOf(name) + first) : name));

/** AWS counts from 1, Sunday, and the library from 0. `6L` is the last Friday, `6#3` the third, and `L` alone Saturday. */
function weekdays(field: string): string | undefined {
  const numbers = named(field, DAYS, 1);
  if (numbers === "L") return "6";
  const special = /^([1-7])(L|#[1-5])$/.exec(numbers);
  if (special) return `${Number(special[1]) - 1}${special[2]}`;
  const checked = list(numbers, 1, 7);
  if (checked === undefined || checked === "*") return checked;
  return checked
    .split(",")
    .map((item) => {
      const [range, step] = item.split("/") as [string, string?];
      const shifted = range.replace(/\d+/g, (digits) => String(Number(digits) - 1));
      return step === undefined ? shifted : `${shifted}/${step}`;
    })
    .join(",");
}

/** `*`, `5`, `1-5`, `0/15`, `1-30/2` and lists of them, within bounds; written so that the library takes it. */
function list(field: string, least: number, most: number): string | undefined {
  const items = field.split(",").map((item) => {
    const [, from, to, step] = /^(\*|\d{1,4})(?:-(\d{1,4}))?(?:\/(\d{1,4}))?$/.exec(item) ?? [];
    if (from === undefined || (from === "*" && to !== undefined) || step === "0") return undefined;
    if (from === "*") return step === undefined ? "*" : `${least}-${most}/${step}`;
    const first = Number(from);
    const last = to === undefined ? undefined : Number(to);
    if (first < least || first > most || (last !== undefined && (last < first || last > most))) return undefined;
    if (step !== undefined) return `${first}-${last ?? most}/${step}`;
    return last === undefined ? String(first) : `${first}-${last}`;
  });
  return items.includes(undefined) ? undefined : items.join(",");
}

const cronOf = (pattern: string): Cron => new Cron(pattern, { timezone: "UTC", mode: "7-part", domAndDow: true });

/** Wall-clock times that may fall into a gap, one after the other, before the search is given up: an hour of minutes, and some. */
const SKIPPED_MAX = 1_500;

/**
 * The first time after `afterMs` at which the schedule falls due; undefined when there is none.
 *
 * Where the clocks go forward, a time of `cron` that does not exist is skipped; where they go back, a time that comes twice counts once.
 * @param anchorMs where a rate counts from
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 */
export function nextTimeMs(
  schedule: Schedule,
  { timeZone, afterMs, anchorMs }: { readonly timeZone: string; readonly afterMs: number; readonly anchorMs: number },
): number | undefined {
  switch (schedule.kind) {
    case "at": {
      // A moment that the clocks leave out comes when they have gone forward.
      const atMs =
        utcOf(timeZone, schedule.wallMs) ?? schedule.wallMs - offsetMs(timeZone, schedule.wallMs - 86_400_000);
      return atMs > afterMs ? atMs : undefined;
    }
    case "rate": {
      const periods = Math.floor((afterMs - anchorMs) / schedule.everyMs) + 1;
      return anchorMs + Math.max(periods, 1) * schedule.everyMs;
    }
    case "cron": {
      const cron = cronOf(schedule.pattern);
      // The wall clock, as if it were UTC. Where it goes back, begin early enough to see the times before the jump.
      let wallMs = afterMs + offsetMs(timeZone, afterMs);
      for (let skipped = 0; skipped < SKIPPED_MAX; skipped++) {
        const next = cron.nextRun(new Date(wallMs));
        if (!next) return undefined;
        wallMs = next.getTime();
        const atMs = utcOf(timeZone, wallMs);
        if (atMs !== undefined && atMs > afterMs) return atMs;
      }
      return undefined;
    }
  }
}
