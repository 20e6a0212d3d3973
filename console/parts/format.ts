/** Figures and times as people read them. */

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const count = (value: number): string => value.toLocaleString("en");

export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  if (ms < 48 * 3_600_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** Milliseconds of what AWS writes as a date: ISO text, or seconds. */
export function msOf(value: unknown): number | undefined {
  if (typeof value === "number") return value < 1e11 ? value * 1000 : value;
  if (typeof value !== "string" || value === "") return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

const sameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();
const two = (value: number): string => String(value).padStart(2, "0");

/** Today: the time; else the date too. */
export function time(value: unknown, precise = false): string {
  const ms = msOf(value);
  if (ms === undefined) return "–";
  const date = new Date(ms);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${precise ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : ""}`;
  if (sameDay(date, new Date())) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** Cents, or where those would say nothing, two digits that do. */
export function dollars(value: number): string {
  if (value === 0) return "$0";
  const digits = Math.abs(value) >= 0.01 ? 2 : Math.min(12, 1 - Math.floor(Math.log10(Math.abs(value))));
  return `$${value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** As exact as a person needs it. */
export const quantity = (value: number): string =>
  value.toLocaleString("en", value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 });

/** The last, telling part of an ARN or URL. */
export function nameOf(resource: string): string {
  if (/^https?:/.test(resource)) return resource.replace(/\/$/, "").split("/").pop()!;
  if (!resource.startsWith("arn:")) return resource;
  const rest = resource.split(":").slice(5).join(":");
  const [, kind, name] =
    /^(function|table|log-group|stack|rule|role|secret|parameter|schedule|cluster|service|alarm|stateMachine)[:/](.+)$/.exec(
      rest,
    ) ?? [];
  if (kind === "stack") return name!.split("/")[0]!;
  return (name ?? rest).replace(/:\*$/, "");
}

/** Without the twelve characters that CloudFormation makes a name unique with. */
export const shortName = (name: string): string => name.replace(/-[A-Z0-9]{12}$/, "");

/** JSON with indentation, or the text as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
