/**
 * What a target is given of an event: all of it, a part, a constant, or a text made of both. Pure.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
import { parseJsonPath, readJsonPath } from "../apigateway-common/json-path.ts";
import { DeliveryFailure } from "../delivery-common/failures.ts";
import type { Event, Target } from "./state.ts";

export interface Occasion {
  readonly event: Event;
  readonly arrivedMs: number;
  readonly ruleName: string;
  readonly ruleArn: string;
}

/** Names in templates that nobody defines. */
export const RESERVED = [
  "aws.events.rule-arn",
  "aws.events.rule-name",
  "aws.events.event.ingestion-time",
  "aws.events.event",
  "aws.events.event.json",
] as const;

export const PLACEHOLDER = /<([A-Za-z0-9_.-]+)>/g;

/** @throws DeliveryFailure INVALID_JSON when a template of JSON makes none */
export function inputOf(
  { input, inputPath, inputTransformer }: Pick<Target, "input" | "inputPath" | "inputTransformer">,
  occasion: Occasion,
): string {
  if (input !== undefined) return input;
  if (inputPath !== undefined) return JSON.stringify(readJsonPath(occasion.event, parseJsonPath(inputPath)) ?? null);
  if (inputTransformer) return transformed(inputTransformer, occasion);
  return JSON.stringify(occasion.event);
}

function transformed({ paths, template }: NonNullable<Target["inputTransformer"]>, occasion: Occasion): string {
  const text = filled(template, (name) => {
    const reserved = reservedValue(name, occasion);
    if (reserved !== undefined) return reserved;
    const path = Object.hasOwn(paths, name) ? paths[name] : undefined;
    return path === undefined ? undefined : (readJsonPath(occasion.event, parseJsonPath(path)) ?? "");
  });
  if (!/^\s*[{[]/.test(template)) return text;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    throw new DeliveryFailure("INVALID_JSON", "The input transformer's template did not make valid JSON.");
  }
}

function reservedValue(name: string, { event, arrivedMs, ruleArn, ruleName }: Occasion): unknown {
  switch (name as (typeof RESERVED)[number]) {
    case "aws.events.rule-arn":
      return ruleArn;
    case "aws.events.rule-name":
      return ruleName;
    case "aws.events.event.ingestion-time":
      return new Date(arrivedMs).toISOString();
    case "aws.events.event": {
      const { detail: _detail, ...rest } = event;
      return rest;
    }
    case "aws.events.event.json":
      return event;
    default:
      return undefined;
  }
}

/** Puts values in the place of `<name>`. Between quotation marks a value is text, elsewhere it is JSON. */
function filled(template: string, look: (name: string) => unknown): string {
  let out = "";
  let at = 0;
  let quoted = false;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const between = template.slice(at, match.index);
    quoted = endsQuoted(between, quoted);
    out += between;
    at = match.index + match[0].length;
    const value = look(match[1]!);
    out += value === undefined ? match[0] : quoted ? asText(value) : JSON.stringify(value);
  }
  return out + template.slice(at);
}

function endsQuoted(text: string, quoted: boolean): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') quoted = !quoted;
  }
  return quoted;
}

/** Within a JSON string: a string as it is, anything else as JSON without its quotation marks. */
function asText(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).slice(1, -1);
  return JSON.stringify(value).replaceAll('"', "").replaceAll("\\", "\\\\");
}
