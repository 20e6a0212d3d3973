/** Lists in pages: a token is the name of the last item of the page before, so that nothing is kept between two requests. */

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly token: string | undefined;
}

/**
 * @param found in the order of their names
 * @param token of the page before; what is none begins nowhere in particular, but never fails
 */
export function pageOf<T>(
  found: Iterable<T>,
  nameOf: (item: T) => string,
  { limit, token }: { readonly limit: number; readonly token: string | undefined },
): Page<T> {
  const afterName = token === undefined ? undefined : Buffer.from(token, "base64url").toString("utf8");
  const items: T[] = [];
  for (const item of found) {
    if (afterName !== undefined && nameOf(item) <= afterName) continue;
    if (items.length === limit) return { items, token: Buffer.from(nameOf(items.at(-1)!)).toString("base64url") };
    items.push(item);
  }
  return { items, token: undefined };
}
