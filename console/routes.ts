/** Where one is: `#/queues/orders?tab=messages`. Hashes, so that the server need not know the pages. */
import { useSyncExternalStore } from "react";

export interface Route {
  /** Decoded segments: `["queues", "orders"]` */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function href(path: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export function go(path: readonly string[], query?: Readonly<Record<string, string | undefined>>): void {
  location.hash = href(path, query);
}

/** The same place with another query; no new entry in the history. */
export function refine(route: Route, query: Readonly<Record<string, string | undefined>>): void {
  const merged = { ...Object.fromEntries(route.query), ...query };
  history.replaceState(null, "", href(route.path, merged));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

let parsed: { hash: string; route: Route } | undefined;

export function currentRoute(): Route {
  const { hash } = location;
  if (parsed?.hash === hash) return parsed.route;
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  // Beyond a thing's name, nothing between two slashes is something: a bucket's key may hold it.
  const segments = path.split("/").filter((segment, at) => segment !== "" || at > 1);
  const route = { path: segments.map(decode), query: new URLSearchParams(query) };
  parsed = { hash, route };
  return route;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function useRoute(): Route {
  return useSyncExternalStore((changed) => {
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, currentRoute);
}
