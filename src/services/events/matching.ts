/** Patterns of rules, compiled once, and the rules that an event finds. */
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { compilePattern, type EventPattern } from "../pattern-common/pattern.ts";
import { InvalidPattern } from "../pattern-common/tests.ts";
import { invalidEventPattern } from "./errors.ts";
import { type Event, type Rule, Rules, type Where } from "./state.ts";

/** Rules are few and events many: patterns compiled last are kept, by their text. */
const compiled = new Map<string, EventPattern>();
const COMPILED_MAX = 2_000;

/** @throws InvalidEventPatternException */
export function matcherOf(pattern: string): EventPattern {
  const known = compiled.get(pattern);
  if (known) return known;
  const document = readJson(pattern);
  if (document === undefined) throw invalidEventPattern("The pattern is not valid JSON.");
  try {
    const matcher = compilePattern(document);
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    compiled.set(pattern, matcher);
    return matcher;
  } catch (error) {
    if (error instanceof InvalidPattern) throw invalidEventPattern(error.message);
    throw error;
  }
}

/** Undefined when it is none. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The enabled rules of a bus that an event matches. */
export function rulesFor(tx: Transaction, at: Where, busName: string, event: Event): Rule[] {
  const { start, end } = keysUnder("events", at.accountId, at.region, "rule", busName);
  const found: Rule[] = [];
  for (const [, rule] of Rules.range(tx, start, end)) {
    if (rule.enabled && rule.pattern !== undefined && matcherOf(rule.pattern)(event)) found.push(rule);
  }
  return found;
}
