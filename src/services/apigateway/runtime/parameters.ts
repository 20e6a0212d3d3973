/**
 * Parameter mapping of REST APIs: `method.request.header.x`, `integration.response.body.a`, `context.requestId`, `stageVariables.x`, `'static'`.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
 */
import { JsonPathError, parseJsonPath, readJsonPath } from "../../apigateway-common/json-path.ts";
import { invalidMapping } from "../errors.ts";

export interface RequestValues {
  readonly header: (name: string) => readonly string[];
  readonly query: (name: string) => readonly string[];
  readonly path: (name: string) => string | undefined;
  readonly bodyText: () => string;
  readonly context: (name: string) => string | undefined;
  readonly stageVariable: (name: string) => string | undefined;
}

export interface ResponseValues {
  readonly header: (name: string) => readonly string[];
  readonly bodyText: () => string;
  readonly context: (name: string) => string | undefined;
  readonly stageVariable: (name: string) => string | undefined;
}

const STATIC = /^'(.*)'$/s;
const SHARED = /^(context|stageVariables)\.(.+)$/s;
const REQUEST = /^method\.request\.(header|querystring|path|multivalueheader|multivaluequerystring)\.(.+)$/s;
const REQUEST_BODY = /^method\.request\.body(?:(?=[.[])(.*))?$/s;
const RESPONSE = /^integration\.response\.(header|multivalueheader)\.(.+)$/s;
const RESPONSE_BODY = /^integration\.response\.body(?:(?=[.[])(.*))?$/s;

/** @param declared the method's request parameters: nothing else may be mapped */
export function checkRequestExpression(expression: string, declared: Readonly<Record<string, boolean>>): void {
  if (STATIC.test(expression) || SHARED.test(expression)) return;
  const body = REQUEST_BODY.exec(expression);
  if (body) return checkPath(body[1]);
  if (!REQUEST.test(expression)) throw invalidMapping(`Invalid mapping expression specified: ${expression}`);
  if (declared[expression] === undefined) {
    throw invalidMapping(`Invalid mapping expression parameter specified: ${expression}`);
  }
}

export function checkResponseExpression(expression: string): void {
  if (STATIC.test(expression) || SHARED.test(expression) || RESPONSE.test(expression)) return;
  const body = RESPONSE_BODY.exec(expression);
  if (!body) throw invalidMapping(`Invalid mapping expression specified: ${expression}`);
  checkPath(body[1]);
}

function checkPath(path: string | undefined): void {
  try {
    if (path) parseJsonPath(`$${path}`);
  } catch (error) {
    if (error instanceof JsonPathError) throw invalidMapping(error.message);
    throw error;
  }
}

/** The values that an expression stands for: several for multi-value sources, none when there is nothing. */
export function evaluateRequest(expression: string, values: RequestValues): readonly string[] {
  const plain = shared(expression, values);
  if (plain) return plain;
  const [, place, name = ""] = REQUEST.exec(expression) ?? [];
  switch (place) {
    case "header":
      return values.header(name).slice(-1);
    case "multivalueheader":
      return values.header(name);
    case "querystring":
      return values.query(name).slice(-1);
    case "multivaluequerystring":
      return values.query(name);
    case "path":
      return list(values.path(name));
  }
  const body = REQUEST_BODY.exec(expression);
  return body ? fromBody(values.bodyText(), body[1]) : [];
}

export function evaluateResponse(expression: string, values: ResponseValues): readonly string[] {
  const plain = shared(expression, values);
  if (plain) return plain;
  const [, place, name = ""] = RESPONSE.exec(expression) ?? [];
  if (place === "header") return values.header(name).slice(-1);
  if (place === "multivalueheader") return values.header(name);
  const body = RESPONSE_BODY.exec(expression);
  return body ? fromBody(values.bodyText(), body[1]) : [];
}

function shared(
  expression: string,
  values: Pick<RequestValues, "context" | "stageVariable">,
): readonly string[] | undefined {
  const fixed = STATIC.exec(expression);
  if (fixed) return [fixed[1]!];
  const [, source, name = ""] = SHARED.exec(expression) ?? [];
  if (source === "context") return list(values.context(name));
  if (source === "stageVariables") return list(values.stageVariable(name));
  return undefined;
}

function fromBody(text: string, path: string | undefined): readonly string[] {
  if (!path) return [text];
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [];
  }
  const value = readJsonPath(document, parseJsonPath(`$${path}`));
  if (value === undefined || value === null) return [];
  return [typeof value === "string" ? value : JSON.stringify(value)];
}

function list(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}
