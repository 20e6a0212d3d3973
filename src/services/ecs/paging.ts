/** Lists in pages: at most a hundred, and a token that says where to go on. */
import { invalidParameter } from "./errors.ts";

const PAGE_MAX = 100;

/** @param items in order, each unique @throws InvalidParameterException */
export function page(
  items: readonly string[],
  { maxResults, nextToken }: { readonly maxResults?: number | undefined; readonly nextToken?: string | undefined },
  pageMax = PAGE_MAX,
): { readonly items: readonly string[]; readonly nextToken?: string } {
  const size = maxResults ?? pageMax;
  if (size < 1 || size > pageMax) throw invalidParameter(`Invalid maxResults: it is between 1 and ${pageMax}.`);
  let from = 0;
  if (nextToken !== undefined) {
    const last = Buffer.from(nextToken, "base64").toString("utf8");
    from = items.indexOf(last) + 1;
    // What the token named may be gone; whoever sorts after it comes next.
    if (from === 0) from = items.findIndex((item) => item > last);
    if (from < 0) return { items: [] };
  }
  const found = items.slice(from, from + size);
  return from + size < items.length
    ? { items: found, nextToken: Buffer.from(found.at(-1)!).toString("base64") }
    : { items: found };
}
