/**
 * REST bindings: which part of an HTTP message carries which member, and which operation a method and path mean.
 * @see https://smithy.io/2.0/spec/http-bindings.html
 */
import type { Operation, ServiceModel } from "./shapes.ts";
import { isStructure, type Member, type Shape, type Structure } from "./shapes.ts";
import { base64, scalarFromText, scalarToText, serializationError, type TimestampFormat } from "./text.ts";

// Bindings

interface TextBinding {
  readonly name: string;
  readonly wire: string;
  readonly list: boolean;
  /** Values of a list in one header are split at commas, dates at every second one. */
  readonly dates: boolean;
  readonly read: (text: string) => unknown;
  readonly write: (value: any) => string;
}

export interface Bindings {
  readonly labels: ReadonlyMap<string, (text: string) => unknown>;
  readonly query: readonly TextBinding[];
  /** The member that takes all query parameters not in `boundQuery`. */
  readonly queryParameters: string | undefined;
  readonly boundQuery: ReadonlySet<string>;
  readonly headers: readonly TextBinding[];
  readonly prefixHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly payload: Member | undefined;
  readonly statusCode: string | undefined;
  /** The members that are not bound elsewhere, as a structure of their own; undefined when there are none. */
  readonly body: Structure | undefined;
}

/**
 * @param direction outputs know headers, payload and status alone: a shape used both ways may carry request traits that mean nothing in a response
 * @param template URI template, whose literal query parameters belong to no member
 */
export function bindingsOf(shape: Shape, direction: "input" | "output", template = ""): Bindings {
  const request = direction === "input";
  const labels = new Map<string, (text: string) => unknown>();
  const query: TextBinding[] = [];
  const headers: TextBinding[] = [];
  const prefixHeaders: Array<{ name: string; prefix: string }> = [];
  const bodyMembers: Member[] = [];
  let queryParameters: string | undefined;
  let payload: Member | undefined;
  let statusCode: string | undefined;
  for (const member of isStructure(shape) ? shape.members : []) {
    const { name, traits } = member;
    if (request && traits.httpLabel) labels.set(name, scalarFromText(member.shape, "date-time"));
    else if (request && traits.httpQuery) query.push(textBinding(member, traits.httpQuery, "date-time"));
    else if (request && traits.httpQueryParams) queryParameters = name;
    else if (traits.httpHeader) headers.push(textBinding(member, traits.httpHeader.toLowerCase(), "http-date"));
    else if (traits.httpPrefixHeaders !== undefined)
      prefixHeaders.push({ name, prefix: traits.httpPrefixHeaders.toLowerCase() });
    else if (!request && traits.httpResponseCode) statusCode = name;
    else if (traits.httpPayload) payload = member;
    else bodyMembers.push(member);
  }
  const body = isStructure(shape) && bodyMembers.length > 0 ? { ...shape, members: bodyMembers } : undefined;
  const literals = literalsOf(template).map(([name]) => name);
  const boundQuery = new Set([...query.map((binding) => binding.wire), ...literals]);
  return { labels, query, queryParameters, boundQuery, headers, prefixHeaders, payload, statusCode, body };
}

function textBinding(member: Member, wire: string, format: TimestampFormat): TextBinding {
  const { shape } = member;
  const element = shape.kind === "list" ? shape.member.shape : shape;
  // A JSON document in a header travels as base64.
  const jsonHeader = member.traits.mediaType === "application/json" && member.traits.httpHeader !== undefined;
  const read = scalarFromText(element, format);
  const write = scalarToText(element, format);
  return {
    name: member.name,
    wire,
    list: shape.kind === "list",
    dates: element.kind.startsWith("timestamp"),
    read: jsonHeader ? (text) => Buffer.from(text, "base64").toString("utf8") : read,
    write: jsonHeader ? (value) => base64(Buffer.from(String(value))) : write,
  };
}

/** What a binding reads from. */
export interface RequestParts {
  readonly labels: Readonly<Record<string, string>>;
  /** Decoded names and values in order; a value is "" where there is none. */
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Reads every bound member but the payload and the body. */
export function readBindings(bindings: Bindings, parts: RequestParts): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, read] of bindings.labels) {
    const text = parts.labels[name];
    if (text !== undefined) out[name] = read(text);
  }
  if (parts.query.length > 0) {
    for (const binding of bindings.query) {
      if (!parts.query.some(([name]) => name === binding.wire)) continue;
      const values = parts.query.filter(([name]) => name === binding.wire).map(([, value]) => value);
      out[binding.name] = binding.list ? values.map(binding.read) : binding.read(values[0]!);
    }
  }
  if (bindings.queryParameters) {
    const free = parts.query.filter(([name]) => !bindings.boundQuery.has(name));
    if (free.length > 0) out[bindings.queryParameters] = Object.fromEntries(free);
  }
  for (const binding of bindings.headers) {
    const text = parts.headers[binding.wire];
    if (text === undefined || text === "") continue;
    out[binding.name] = binding.list ? splitHeader(text, binding.dates).map(binding.read) : binding.read(text);
  }
  for (const { name, prefix } of bindings.prefixHeaders) {
    const found: Record<string, string> = {};
    for (const header in parts.headers) {
      if (header.startsWith(prefix)) found[header.slice(prefix.length)] = parts.headers[header]!;
    }
    if (Object.keys(found).length > 0) out[name] = found;
  }
  return out;
}

function splitHeader(text: string, dates: boolean): string[] {
  const pieces = text.split(",").map((piece) => piece.trim());
  if (!dates || !pieces.some((piece) => /^[A-Z][a-z]{2}$/.test(piece))) return pieces;
  const joined: string[] = [];
  for (let i = 0; i < pieces.length; i += 2) joined.push(`${pieces[i]}, ${pieces[i + 1]}`);
  return joined;
}

/** Writes headers; returns the status if a member carries it. */
export function writeBindings(bindings: Bindings, output: any, headers: Record<string, string>): number | undefined {
  for (const binding of bindings.headers) {
    const value = output[binding.name];
    if (value != null)
      headers[binding.wire] = headerValue(binding.list ? value.map(binding.write).join(", ") : binding.write(value));
  }
  for (const { name, prefix } of bindings.prefixHeaders) {
    const values = output[name];
    if (values != null) for (const key of Object.keys(values)) headers[prefix + key] = headerValue(String(values[key]));
  }
  return bindings.statusCode === undefined ? undefined : (output[bindings.statusCode] ?? undefined);
}

/** Node sends headers as Latin-1; what was UTF-8 goes out as its bytes, and no line can be broken. */
function headerValue(value: string): string {
  const safe = value.replace(/[\r\n\0]/g, " ");
  return /[^\x00-\xff]/.test(safe) ? Buffer.from(safe, "utf8").toString("latin1") : safe;
}

// Routes

type Segment = { readonly literal: string } | { readonly label: string; readonly greedy: boolean };

export interface Route {
  readonly operation: Operation;
  readonly method: string;
  readonly segments: readonly Segment[];
  /** Names, and values where the template has one, that the query must have. */
  readonly literals: readonly (readonly [string, string | undefined])[];
  readonly requiredQuery: readonly string[];
  readonly requiredHeaders: readonly string[];
  /** S3: whether the operation is on a bucket, which the caller has split off the path or the host, and on a key in it. */
  readonly onBucket: boolean;
  readonly onKey: boolean;
}

export interface Match {
  readonly operation: Operation;
  readonly labels: Record<string, string>;
}

export type Router = (
  method: string,
  path: string,
  query: RequestParts["query"],
  headers: RequestParts["headers"],
  bucket?: string,
  key?: string,
) => Match | undefined;

/** Paths that older or other clients use for an operation, beside the model's own. */
const ALIASES: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  sesv2: [["ListEmailIdentities", "GET", "/v2/email/identities"]],
};

/** Builds the router of a REST service. More specific routes win: literal segments, then required query and headers. */
export function createRouter(model: ServiceModel): Router {
  const isS3 = model.facts.service === "s3";
  const byMethod = new Map<string, Route[]>();
  const add = (operation: Operation, method: string, template: string) => {
    // Served from an address of its own, never by this endpoint.
    if (operation.name === "WriteGetObjectResponse") return;
    const route = routeOf(operation, method, template);
    byMethod.set(method, [...(byMethod.get(method) ?? []), route]);
  };
  for (const operation of model.operations.values()) {
    if (operation.http) add(operation, operation.http[0], operation.http[1]);
  }
  for (const [name, method, template] of ALIASES[model.facts.service] ?? []) {
    const operation = model.operations.get(name);
    if (operation) add(operation, method, template);
  }
  const weight = (route: Route) =>
    (route.literals.length + route.requiredQuery.length + route.requiredHeaders.length) * 100 +
    route.segments.filter((segment) => "literal" in segment).length;
  for (const routes of byMethod.values()) routes.sort((a, b) => weight(b) - weight(a));

  return (method, path, query, headers, bucket, key) => {
    const routes = byMethod.get(method);
    if (!routes) return undefined;
    for (const route of routes) {
      if (isS3 && (route.onBucket !== (bucket !== undefined) || route.onKey !== (key !== undefined))) continue;
      if (!hasQuery(route, query)) continue;
      if (route.requiredHeaders.some((name) => headers[name] === undefined)) continue;
      const labels = isS3 ? bucketLabels(route, bucket, key) : pathLabels(route.segments, path);
      if (labels) return { operation: route.operation, labels };
    }
    return undefined;
  };
}

function hasQuery(route: Route, query: RequestParts["query"]): boolean {
  for (const [name, value] of route.literals) {
    if (!query.some(([sent, given]) => sent === name && (value === undefined || given === value))) return false;
  }
  for (const name of route.requiredQuery) if (!query.some(([sent]) => sent === name)) return false;
  return true;
}

function routeOf(operation: Operation, method: string, template: string): Route {
  const path = template.split("?")[0]!;
  const segments = path
    .split("/")
    .slice(1)
    .map((segment): Segment => {
      const label = /^\{([^}+]+)(\+?)\}$/.exec(segment);
      return label ? { label: label[1]!, greedy: label[2] === "+" } : { literal: segment };
    });
  const input = operation.input;
  const members = isStructure(input) ? input.members : [];
  const required = isStructure(input) ? members.filter((member) => input.required.includes(member.name)) : [];
  return {
    operation,
    method,
    segments,
    literals: literalsOf(template),
    requiredQuery: required.flatMap((member) => member.traits.httpQuery ?? []),
    requiredHeaders: required.flatMap((member) => member.traits.httpHeader?.toLowerCase() ?? []),
    onBucket: members.some((member) => member.name === "Bucket" && member.traits.httpLabel),
    onKey: segments[0] !== undefined && "label" in segments[0],
  };
}

/** The query parameters that a URI template fixes; `x-id` only labels the request. */
function literalsOf(template: string): Array<readonly [string, string | undefined]> {
  return (template.split("?")[1] ?? "")
    .split("&")
    .filter((literal) => literal !== "" && !literal.startsWith("x-id="))
    .map((literal) => {
      const [name, value] = literal.split("=");
      return [name!, value] as const;
    });
}

function bucketLabels(
  { segments }: Route,
  bucket: string | undefined,
  key: string | undefined,
): Record<string, string> {
  const labels: Record<string, string> = {};
  if (bucket !== undefined) labels["Bucket"] = bucket;
  const [first] = segments;
  if (key !== undefined && first && "label" in first) labels[first.label] = key;
  return labels;
}

function pathLabels(segments: readonly Segment[], path: string): Record<string, string> | undefined {
  const parts = path.split("/").slice(1);
  if (parts.length > segments.length && parts.at(-1) === "") parts.pop();
  const labels: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index];
    if (part === undefined) return undefined;
    if ("literal" in segment) {
      if (segment.literal !== part) return undefined;
    } else if (segment.greedy) {
      labels[segment.label] = parts.slice(index).map(decodeSegment).join("/");
      return labels;
    } else {
      if (part === "") return undefined;
      labels[segment.label] = decodeSegment(part);
    }
  }
  return parts.length === segments.length ? labels : undefined;
}

export function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw serializationError("The request path has a malformed percent escape");
  }
}

/** `?a=1&b` → [["a","1"],["b",""]] */
export function parseQuery(text: string): Array<[string, string]> {
  if (text === "") return [];
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const decode = (part: string) => decodeSegment(part.replaceAll("+", " "));
      return equals < 0 ? [decode(pair), ""] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
    });
}
