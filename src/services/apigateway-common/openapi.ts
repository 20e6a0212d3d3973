/** OpenAPI documents as API Gateway reads them: JSON or YAML text, local references, base paths. What the operations mean is each service's own. */
import { parse } from "yaml";

export class OpenApiError extends Error {}

export type Json = Record<string, any>;

/** API definitions may have up to 6 MB. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html */
export const DOCUMENT_BYTES_MAX = 6 * 1024 * 1024;
const REFERENCES_MAX = 32;

/** @throws OpenApiError when the text is no document */
export function readDocument(text: string): Json {
  let document: unknown;
  try {
    document = text.trimStart().startsWith("{") ? JSON.parse(text) : parse(text);
  } catch (error) {
    throw new OpenApiError(`Invalid OpenAPI input. ${error instanceof Error ? error.message : ""}`.trim());
  }
  if (!isObject(document)) throw new OpenApiError("Invalid OpenAPI input.");
  return document;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follows `{ $ref: "#/…" }` within the document. @throws OpenApiError when it leads nowhere */
export function deref(document: Json, value: any): any {
  let at = value;
  for (let hops = 0; isObject(at) && typeof at["$ref"] === "string"; hops++) {
    const reference: string = at["$ref"];
    if (!reference.startsWith("#/") || hops >= REFERENCES_MAX)
      throw new OpenApiError(`Unable to resolve reference ${reference}`);
    let target: any = document;
    for (const step of reference.slice(2).split("/")) {
      const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      target = isObject(target) && Object.hasOwn(target, name) ? target[name] : undefined;
    }
    if (target === undefined) throw new OpenApiError(`Unable to resolve reference ${reference}`);
    at = target;
  }
  return at;
}

export interface DocumentOperation {
  readonly path: string;
  /** `GET` … or `ANY`. */
  readonly method: string;
  readonly operation: Json;
  /** The path item that the operation belongs to, for parameters they share. */
  readonly item: Json;
}

const METHODS: Readonly<Record<string, string>> = {
  get: "GET",
  put: "PUT",
  post: "POST",
  delete: "DELETE",
  options: "OPTIONS",
  head: "HEAD",
  patch: "PATCH",
  "x-amazon-apigateway-any-method": "ANY",
};

/** @throws OpenApiError for methods that API Gateway does not know */
export function* operationsOf(document: Json): Iterable<DocumentOperation> {
  for (const [path, given] of Object.entries(isObject(document["paths"]) ? document["paths"] : {})) {
    const item = deref(document, given);
    if (!isObject(item)) continue;
    for (const [name, operation] of Object.entries(item)) {
      const method = METHODS[name.toLowerCase()];
      if (!method) {
        if (name === "trace") throw new OpenApiError(`Unsupported method trace on ${path}`);
        continue;
      }
      yield { path, method, operation: isObject(operation) ? operation : {}, item };
    }
  }
}

/** `/v1` in `basePath: /v1` or in `servers: [{ url: https://host/v1 }]`; empty when there is none. */
export function basePathOf(document: Json): string {
  const server = Array.isArray(document["servers"]) ? document["servers"][0] : undefined;
  let path: string = typeof document["basePath"] === "string" ? document["basePath"] : "";
  if (isObject(server) && typeof server["url"] === "string") {
    const url = server["url"].replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
      const variable = isObject(server["variables"]) ? server["variables"][name] : undefined;
      return isObject(variable) ? String(variable["default"] ?? "") : "";
    });
    path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
  }
  const trimmed = path.replaceAll(/\/+/g, "/").replace(/\/$/, "");
  return trimmed === "" || trimmed.startsWith("/") ? trimmed : `/${trimmed}`;
}

/** What `basepath=ignore|prepend|split` puts before every path. */
export function pathPrefix(document: Json, mode: string | undefined): string {
  if (mode === "prepend") return basePathOf(document);
  if (mode === "split") return basePathOf(document).replace(/^\/[^/]+/, "");
  return "";
}

/** API Gateway's own extensions that are not in `known`, wherever they stand in `value` itself. */
export function unknownExtensions(value: Json, known: readonly string[]): string[] {
  return Object.keys(value).filter((name) => name.startsWith("x-amazon-apigateway-") && !known.includes(name));
}
