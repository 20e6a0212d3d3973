/** Inputs as a person may see them in a trace: short, without bytes, and without what is secret. */

const CHARACTERS_MAX = 1024;
const STRING_MAX = 256;
const ITEMS_MAX = 10;
const DEPTH_MAX = 6;

/** Members that AWS's models mark as sensitive, and what users call theirs. */
const SECRET = /secret|password|passwd|token|credential|private_?key|authorization|api_?key/i;

/** JSON, or undefined where there is nothing to show. */
export function preview(input: unknown): string | undefined {
  if (input === undefined || input === null) return undefined;
  const text = JSON.stringify(shortened(input, 0));
  if (text === undefined || text === "{}") return undefined;
  return text.length <= CHARACTERS_MAX ? text : `${text.slice(0, CHARACTERS_MAX - 1)}…`;
}

function shortened(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.length <= STRING_MAX ? value : `${value.slice(0, STRING_MAX - 1)}…`;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Date) return value;
  if (depth >= DEPTH_MAX) return "…";
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => shortened(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) return "<stream>";
  const members: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value).slice(0, 4 * ITEMS_MAX)) {
    members[name] = SECRET.test(name) && typeof member === "string" ? "<redacted>" : shortened(member, depth + 1);
  }
  return members;
}
