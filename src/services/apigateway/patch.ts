/**
 * Patch operations, which all updates of API Gateway v1 are made of.
 * @see https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html
 */
import type { PatchOperation } from "@aws-sdk/client-api-gateway";
import { notImplemented } from "../../kernel/errors.ts";
import { badRequest } from "./errors.ts";

/**
 * What a path may do. `/name` sets a member; `/variables/*` an entry of a map; `/binaryMediaTypes/*` with `list` holds the value in the path itself.
 * `unsupported` marks what AWS has and Virga cannot honour.
 */
export interface PatchRule {
  readonly type?: "string" | "boolean" | "integer" | "number";
  readonly list?: true;
  /** Operations beside `replace`; `add` and `remove` unless told otherwise. */
  readonly only?: readonly string[];
  readonly unsupported?: true;
}

export type PatchRules = Readonly<Record<string, PatchRule>>;

/** The record with the operations applied, in order. Not one of them is applied unless all can be. */
export function patched<T extends object>(
  record: T,
  operations: readonly PatchOperation[] | undefined,
  rules: PatchRules,
): T {
  const result: any = structuredClone(record);
  for (const operation of operations ?? []) {
    const { segments, rule } = findRule(operation, rules);
    const { op, value } = operation;
    if (rule.list) patchList(result, segments, op!, value);
    else
      patchMember(
        result,
        segments,
        op!,
        op === "remove" ? undefined : typed(rule.type ?? "string", value, operation.path!),
      );
  }
  return result;
}

/** `/a~1b/c` → ["a/b", "c"] */
export function pathSegments(path: string): string[] {
  return path
    .replace(/^\//, "")
    .split("/")
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function findRule(operation: PatchOperation, rules: PatchRules): { segments: string[]; rule: PatchRule } {
  const { op, path = "" } = operation;
  const segments = pathSegments(path);
  for (const [pattern, rule] of Object.entries(rules)) {
    const wanted = pattern.slice(1).split("/");
    // A list may be addressed as a whole, its value holding the element.
    const whole =
      rule.list && wanted.length === segments.length + 1 && wanted.slice(0, -1).join("/") === segments.join("/");
    const fits =
      wanted.length === segments.length && wanted.every((part, index) => part === "*" || part === segments[index]);
    if (!fits && !whole) continue;
    if (rule.unsupported) throw notImplemented(`the API Gateway patch path ${path}`);
    if (!op || !(rule.only ?? ["add", "remove", "replace"]).includes(op)) {
      throw badRequest(`Invalid patch operation specified. Must be 'add'|'remove'|'replace'|'move'|'copy'|'test'`);
    }
    return { segments: whole ? [...segments, operation.value ?? ""] : segments, rule };
  }
  throw badRequest(
    `Invalid patch path  '${path}' specified for op '${op}'. Must be one of: [${Object.keys(rules)
      .map((pattern) => pattern.replace("*", "{item}"))
      .join(", ")}]`,
  );
}

function typed(type: NonNullable<PatchRule["type"]>, value: string | undefined, path: string): unknown {
  const text = value ?? "";
  if (type === "string") return text;
  if (type === "boolean") {
    if (!/^(true|false)$/i.test(text)) throw badRequest(`Invalid value '${text}' for ${path}. Must be true or false`);
    return text.toLowerCase() === "true";
  }
  const number = Number(text);
  if (text === "" || Number.isNaN(number) || (type === "integer" && !Number.isInteger(number))) {
    throw badRequest(`Invalid value '${text}' for ${path}. Must be a number`);
  }
  return number;
}

function patchMember(record: any, segments: readonly string[], op: string, value: unknown): void {
  let at = record;
  for (const segment of segments.slice(0, -1)) {
    if (!Object.hasOwn(at, segment) || at[segment] === undefined) at[segment] = {};
    at = at[segment];
  }
  const last = segments.at(-1)!;
  if (op === "remove") delete at[last];
  else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
}

/** `replace` with the old element in the path and the new one as value; `add` and `remove` of the element in the path. */
function patchList(record: any, segments: readonly string[], op: string, value: string | undefined): void {
  const name = segments[0]!;
  const element = segments.at(-1)!;
  const list: string[] = record[name] ?? [];
  if (op === "remove") record[name] = list.filter((one) => one !== element);
  else if (op === "replace" && value !== undefined && list.includes(element)) {
    record[name] = list.map((one) => (one === element ? value : one));
  } else if (!list.includes(element)) record[name] = [...list, element];
}
