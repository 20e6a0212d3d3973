/**
 * Route selection: a full match of path and method first, then the most specific greedy route, then `$default`. Among full matches literal
 * segments are preferred to variables, from left to right, and a method to ANY.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
 */
import { decodePath } from "./request.ts";

interface Leaf<T> {
  readonly value: T;
  /** Names of the variables on the way, in order; a greedy one comes last. */
  readonly names: readonly string[];
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  variable?: Node<T>;
  readonly ends: Map<string, Leaf<T>>;
  readonly greedy: Map<string, Leaf<T>>;
}

export interface Match<T> {
  readonly value: T;
  /** Decoded values of path variables. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Router<T> {
  /** @param path percent-encoded, without the stage, beginning with a slash */
  match(method: string, path: string): Match<T> | undefined;
}

const node = <T>(): Node<T> => ({ literals: new Map(), ends: new Map(), greedy: new Map() });

/** @param routes by route key: `GET /pets/{id}`, `ANY /{proxy+}`, `$default` */
export function createRouter<T>(routes: Iterable<readonly [routeKey: string, value: T]>): Router<T> {
  const root = node<T>();
  let fallback: T | undefined;
  for (const [routeKey, value] of routes) {
    if (routeKey === "$default") {
      fallback = value;
      continue;
    }
    const space = routeKey.indexOf(" ");
    add(root, routeKey.slice(0, space), segmentsOf(routeKey.slice(space + 1)), value);
  }
  return {
    match(method, path) {
      const segments = segmentsOf(path).map(decodePath);
      const found = full(root, method, segments, 0, []) ?? greedy(root, method, segments, 0, []);
      if (found) return found;
      return fallback === undefined ? undefined : { value: fallback, parameters: {} };
    },
  };
}

function segmentsOf(path: string): string[] {
  return path.startsWith("/") ? path.slice(1).split("/") : path.split("/");
}

function add<T>(root: Node<T>, method: string, segments: readonly string[], value: T): void {
  let at = root;
  const names: string[] = [];
  for (const segment of segments) {
    const variable = /^\{([^}+]+)(\+?)\}$/.exec(segment);
    if (!variable) {
      let next = at.literals.get(segment);
      if (!next) {
        next = node();
        at.literals.set(segment, next);
      }
      at = next;
      continue;
    }
    names.push(variable[1]!);
    if (variable[2]) {
      at.greedy.set(method, { value, names });
      return;
    }
    at.variable ??= node();
    at = at.variable;
  }
  at.ends.set(method, { value, names });
}

function found<T>(leaves: Map<string, Leaf<T>>, method: string, values: readonly string[]): Match<T> | undefined {
  const leaf = leaves.get(method) ?? leaves.get("ANY");
  if (!leaf) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, name] of leaf.names.entries()) parameters[name] = values[index]!;
  return { value: leaf.value, parameters };
}

function full<T>(
  at: Node<T>,
  method: string,
  segments: readonly string[],
  index: number,
  values: readonly string[],
): Match<T> | undefined {
  if (index === segments.length) return found(at.ends, method, values);
  const segment = segments[index]!;
  const literal = at.literals.get(segment);
  const byLiteral = literal && full(literal, method, segments, index + 1, values);
  if (byLiteral) return byLiteral;
  if (!at.variable || segment === "") return undefined;
  return full(at.variable, method, segments, index + 1, [...values, segment]);
}

function greedy<T>(
  at: Node<T>,
  method: string,
  segments: readonly string[],
  index: number,
  values: readonly string[],
): Match<T> | undefined {
  if (index === segments.length) return undefined;
  const segment = segments[index]!;
  const literal = at.literals.get(segment);
  const deeper =
    (literal && greedy(literal, method, segments, index + 1, values)) ??
    (at.variable && segment !== ""
      ? greedy(at.variable, method, segments, index + 1, [...values, segment])
      : undefined);
  if (deeper) return deeper;
  const rest = segments.slice(index).join("/");
  return rest === "" ? undefined : found(at.greedy, method, [...values, rest]);
}
