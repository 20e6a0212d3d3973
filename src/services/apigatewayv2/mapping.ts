/**
 * Parameter mapping of HTTP APIs: `$request.header.x`, `${request.body.name}` and static text, and what they may do to requests and responses.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
 */
import { type JsonPath, JsonPathError, parseJsonPath, readJsonPath } from "../apigateway-common/json-path.ts";
import { badRequest } from "./errors.ts";

/** What an expression can refer to. Undefined stands for "not there". */
export interface MappingScope {
  header(name: string): string | undefined;
  query(name: string): string | undefined;
  /** The request path without the stage. */
  path(): string;
  pathParameter(name: string): string | undefined;
  bodyText(): string;
  /** The body as JSON; undefined when it is none. */
  bodyJson(): unknown;
  context(name: string): string | undefined;
  stageVariable(name: string): string | undefined;
  /** Only while a response is mapped. */
  readonly response?: { header(name: string): string | undefined; bodyText(): string; bodyJson(): unknown };
}

export type Template = (scope: MappingScope) => string | undefined;

/** @throws BadRequestException when an expression in the text refers to nothing that exists */
export function compileTemplate(text: string): Template {
  if (/^\$(?!\{)(request|response|context|stageVariables)\b/.test(text)) return expression(text.slice(1));
  const pieces: (string | Template)[] = [];
  let at = 0;
  for (const match of text.matchAll(/\$\{([^}]*)\}/g)) {
    if (match.index > at) pieces.push(text.slice(at, match.index));
    pieces.push(expression(match[1]!.trim()));
    at = match.index + match[0].length;
  }
  if (pieces.length === 0) return () => text;
  if (at < text.length) pieces.push(text.slice(at));
  if (pieces.length === 1 && typeof pieces[0] === "function") return pieces[0];
  return (scope) => pieces.map((piece) => (typeof piece === "string" ? piece : (piece(scope) ?? ""))).join("");
}

export function checkTemplate(text: string): void {
  compileTemplate(text);
}

function invalid(detail: string): Error {
  return badRequest(`Invalid mapping expression specified: Validation Result: warnings : [], errors : [${detail}]`);
}

function expression(text: string): Template {
  const [, source, rest] = /^(request|response|context|stageVariables)\.(.+)$/s.exec(text) ?? [];
  const unknown = () => invalid(`Invalid mapping expression specified: $${text}`);
  if (source === "context") return (scope) => scope.context(rest!);
  if (source === "stageVariables") return (scope) => scope.stageVariable(rest!);
  if (source === undefined) throw unknown();
  const [, place, name] = /^(header|querystring|path|body)(?:(?:\.|(?=\[))(.+))?$/s.exec(rest!) ?? [];
  if (source === "response") {
    if (place === "header" && name) return (scope) => scope.response?.header(name);
    if (place === "body" && name === undefined) return (scope) => scope.response?.bodyText();
    if (place === "body") {
      const path = bodyPath(name!, text);
      return (scope) => textOf(readJsonPath(scope.response?.bodyJson(), path));
    }
    throw unknown();
  }
  switch (place) {
    case "header":
      if (name) return (scope) => scope.header(name);
      break;
    case "querystring":
      if (name) return (scope) => scope.query(name);
      break;
    case "path":
      return name ? (scope) => scope.pathParameter(name) : (scope) => scope.path();
    case "body": {
      if (name === undefined) return (scope) => scope.bodyText();
      const path = bodyPath(name, text);
      return (scope) => textOf(readJsonPath(scope.bodyJson(), path));
    }
  }
  throw unknown();
}

function bodyPath(text: string, whole: string): JsonPath {
  try {
    const path = parseJsonPath(text.startsWith("[") ? `$${text}` : `$.${text}`);
    if (path.steps.some((step) => step.kind === "deep")) throw new JsonPathError();
    return path;
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw invalid(`Invalid mapping expression specified: $${whole}`);
  }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Headers that mappings must leave alone. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html#http-api-mapping-reserved-headers */
const RESERVED = new Set([
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-location",
  "forwarded",
  "keep-alive",
  "origin",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailers",
  "transfer-encoding",
  "upgrade",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "via",
]);
const RESERVED_PREFIX = /^(access-control-|apigw-|x-amz-|x-amzn-)/;

export type MappingAction = "append" | "overwrite" | "remove";
export interface Mapping {
  readonly action: MappingAction;
  readonly place: "header" | "querystring" | "path" | "statuscode";
  /** Headers in lower case; empty for path and status code. */
  readonly name: string;
  readonly value: Template;
}

export function compileRequestMapping(key: string, value: string): Mapping {
  if (key === "overwrite:path") return { action: "overwrite", place: "path", name: "", value: compileTemplate(value) };
  const match = /^(append|overwrite|remove):(header|querystring)\.(.+)$/.exec(key);
  if (!match) throw invalid(`Invalid mapping expression specified: ${key}`);
  return mapping(match, value);
}

export function compileResponseMapping(key: string, value: string): Mapping {
  if (key === "overwrite:statuscode") {
    return { action: "overwrite", place: "statuscode", name: "", value: compileTemplate(value) };
  }
  const match = /^(append|overwrite|remove):(header)\.(.+)$/.exec(key);
  if (!match) throw invalid(`Invalid mapping expression specified: ${key}`);
  return mapping(match, value);
}

export function checkRequestMapping(key: string, value: string): void {
  compileRequestMapping(key, value);
}

export function checkResponseMapping(key: string, value: string): void {
  compileResponseMapping(key, value);
}

function mapping(match: RegExpExecArray, value: string): Mapping {
  const place = match[2] as "header" | "querystring";
  const name = place === "header" ? match[3]!.toLowerCase() : match[3]!;
  if (place === "header" && (RESERVED.has(name) || RESERVED_PREFIX.test(name))) {
    throw invalid(`Operations on header ${name} are restricted`);
  }
  return { action: match[1] as MappingAction, place, name, value: compileTemplate(value) };
}

/** Applies one mapping to a list of names and values. */
export function applyMapping(pairs: [string, string][], mapping: Mapping, scope: MappingScope): [string, string][] {
  const same =
    mapping.place === "header"
      ? ([name]: [string, string]) => name.toLowerCase() === mapping.name
      : ([name]: [string, string]) => name === mapping.name;
  if (mapping.action === "remove") return pairs.filter((pair) => !same(pair));
  const value = mapping.value(scope);
  if (value === undefined) return pairs;
  const kept = mapping.action === "overwrite" ? pairs.filter((pair) => !same(pair)) : pairs;
  return [...kept, [mapping.name, value]];
}
