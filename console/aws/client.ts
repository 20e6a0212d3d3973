/** Calls AWS's APIs on the origin that the page came from. */
import { SERVICES, type ServiceFacts, type ServiceName } from "./services.ts";
import { session } from "./session.ts";
import { type Credentials, encode, queryString, sign } from "./sign.ts";
import { parseXml } from "./xml.ts";

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit & (string | Blob | Uint8Array<ArrayBuffer>);
  readonly signal?: AbortSignal;
  /** Written down as a trace; looking is not. */
  readonly traced?: boolean;
  readonly as?: { readonly credentials: Credentials; readonly region: string };
}

export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }
}

/** What the console does by itself is not what happens in the cloud: the platform writes no span of it. */
const UNTRACED = "Root=1-00000000-000000000000000000000000;Sampled=0";

/** @param service as the signature names it */
export async function send(service: string, request: Request): Promise<Response> {
  const { credentials, region } = request.as ?? session();
  const { method, path, query = [], body } = request;
  const headers = { ...request.headers, ...(request.traced ? {} : { "x-amzn-trace-id": UNTRACED }) };
  // What is no API hears the body before it can be hashed.
  const hashed =
    service === "s3" || path.startsWith("/_") || body instanceof Blob
      ? undefined
      : typeof body === "string"
        ? new TextEncoder().encode(body)
        : (body ?? new Uint8Array());
  const scope = { service, region, host: location.host, nowMs: Date.now() };
  const signed = sign({ method, path, query, headers, body: hashed }, credentials, scope);
  const mark = query.length > 0 ? "?" : "";
  let response: Response;
  try {
    response = await fetch(`${path}${mark}${queryString(query)}`, {
      method,
      headers: signed,
      ...(body === undefined ? {} : { body }),
      ...(request.signal ? { signal: request.signal } : {}),
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new ApiError("Unreachable", `Virga does not answer at ${location.host}. Does it still run?`, 0);
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  const type = response.headers.get("x-amzn-errortype");
  const { status } = response;
  if (text.startsWith("<")) {
    const parsed = parseXml(text) as Record<string, any>;
    const error = parsed["Error"]?.[0] ?? parsed["Error"] ?? parsed;
    return new ApiError(String(error.Code ?? status), String(error.Message ?? "No reason was given"), status);
  }
  try {
    const parsed = JSON.parse(text);
    const code = String(type ?? parsed.__type ?? parsed.code ?? status).replace(/^.*#|:.*$/g, "");
    return new ApiError(code, parsed.message ?? parsed.Message ?? "No reason was given", status);
  } catch {
    return new ApiError(type ?? String(status), text.slice(0, 500) || response.statusText, status);
  }
}

/** A public operation, by AWS's names. */
export async function call<T = Record<string, any>>(
  service: ServiceName,
  operation: string,
  input: Readonly<Record<string, unknown>> = {},
  options: Pick<Request, "signal" | "traced" | "as"> = {},
): Promise<T> {
  const facts: ServiceFacts = SERVICES[service];
  const { protocol } = facts;
  const scope = facts.scope ?? service;
  switch (protocol.kind) {
    case "json": {
      const headers = {
        "content-type": `application/x-amz-json-${protocol.version}`,
        "x-amz-target": `${protocol.target}.${operation}`,
      };
      const body = JSON.stringify(input);
      const response = await send(scope, { method: "POST", path: "/", headers, body, ...options });
      const text = await response.text();
      return (text ? JSON.parse(text) : {}) as T;
    }
    case "query": {
      const form = [["Action", operation], ["Version", protocol.version], ...flatten("", input)] as [string, string][];
      const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
      const body = queryString(form);
      const response = await send(scope, { method: "POST", path: "/", headers, body, ...options });
      const parsed = parseXml(await response.text()) as Record<string, any>;
      return (parsed[`${operation}Result`] || {}) as T;
    }
    default: {
      const response = await send(scope, { ...restRequest(protocol.operations, operation, input), ...options });
      const text = await response.text();
      return (text ? JSON.parse(text) : {}) as T;
    }
  }
}

/** `{ Tags: [{ Key: "a" }] }` → `Tags.member.1.Key=a` */
function flatten(prefix: string, value: unknown): [string, string][] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => flatten(`${prefix}.member.${i + 1}`, item));
  if (typeof value === "object")
    return Object.entries(value).flatMap(([name, member]) => flatten(prefix ? `${prefix}.${name}` : name, member));
  return [[prefix, String(value)]];
}

function restRequest(
  operations: Readonly<Record<string, string>>,
  operation: string,
  input: Readonly<Record<string, unknown>>,
): Request {
  const [, method = "", template = "", names = ""] = /^(\w+) ([^?]+)\??(.*)$/.exec(operations[operation] ?? "") ?? [];
  if (!method) throw new Error(`The console does not know how to call ${operation}`);
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const take = (name: string): unknown => {
    const value = rest.get(name);
    rest.delete(name);
    return value;
  };
  const path = template.replace(/\{(\w+)\}/g, (_, name) => encode(String(take(name))));
  const query = names
    .split("&")
    .filter((name) => name !== "" && rest.has(name))
    .map((name) => [name, String(take(name))] as const);
  const bodied = method === "POST" || method === "PUT";
  return {
    method,
    path,
    query,
    ...(bodied
      ? { headers: { "content-type": "application/json" }, body: JSON.stringify(Object.fromEntries(rest)) }
      : {}),
  };
}

/** Follows pages to their end, at most this many. */
const PAGES_MAX = 40;

/** Every item of a list operation. @param token the member with which a page names the next; `[in answer, in question]` where they differ */
export async function all<T>(
  service: ServiceName,
  operation: string,
  input: Readonly<Record<string, unknown>>,
  member: string,
  token: string | readonly [string, string] = "NextToken",
): Promise<T[]> {
  const [answered, asked] = typeof token === "string" ? [token, token] : token;
  const items: T[] = [];
  let next: unknown;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await call(service, operation, next ? { ...input, [asked]: next } : input);
    const found = answer[member];
    if (Array.isArray(found)) items.push(...found);
    next = answer[answered];
    if (!next) break;
  }
  return items;
}
