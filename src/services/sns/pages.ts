/** Lists in pages: a page begins after the key that its token holds. */
import { after, type Key } from "../../storage/keys.ts";
import { invalidParameter } from "./errors.ts";

export const pageToken = (last: Key): string => Buffer.from(last, "latin1").toString("base64url");

/** @throws InvalidParameter when the token is none of this list's */
export function pageStart(token: string | undefined, range: { readonly start: Key; readonly end: Key }): Key {
  if (token === undefined || token === "") return range.start;
  const key = Buffer.from(token, "base64url").toString("latin1") as Key;
  if (key < range.start || key >= range.end) throw invalidParameter("NextToken");
  return after(key);
}
