/**
 * The rule of a composite alarm: `ALARM("cpu") AND NOT (OK(memory) OR AT_LEAST(2, ALARM, (a, b, c)))`. Pure.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
 */
import { nameOfAlarm, STATES, type StateValue } from "./state.ts";

export type Rule =
  | { readonly kind: "constant"; readonly value: boolean }
  | { readonly kind: "state"; readonly state: StateValue; readonly alarm: string }
  | { readonly kind: "not"; readonly of: Rule }
  | { readonly kind: "and" | "or"; readonly left: Rule; readonly right: Rule }
  | {
      readonly kind: "at least";
      readonly count: number | { readonly percent: number };
      readonly not: boolean;
      readonly state: StateValue;
      readonly alarms: readonly string[];
    };

export class RuleError extends Error {}

export const RULE_LENGTH_MAX = 10_240;
/** Alarms that one rule may name. */
export const RULE_ALARMS_MAX = 100;
const ELEMENTS_MAX = 500;

const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([(),])|([^\s(),"']+))/y;

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

/** @throws RuleError */
export function parseRule(text: string): Rule {
  const tokens: Token[] = [];
  let end = 0;
  while (text.slice(end).trim() !== "") {
    TOKEN.lastIndex = end;
    const match = TOKEN.exec(text);
    if (!match) throw new RuleError(`cannot be read from '${text.slice(end).trim()}' on`);
    end = TOKEN.lastIndex;
    const quoted = match[1] ?? match[2];
    tokens.push(
      quoted === undefined
        ? { text: (match[3] ?? match[4])!, quoted: false }
        : { text: quoted.replace(/\\(.)/g, "$1"), quoted: true },
    );
  }
  if (tokens.length === 0) throw new RuleError("is empty");
  if (tokens.length > 4 * ELEMENTS_MAX) throw new RuleError(`has more than ${ELEMENTS_MAX} elements`);
  let at = 0;
  const isWord = (word: string) =>
    tokens[at] !== undefined && !tokens[at]!.quoted && tokens[at]!.text.toUpperCase() === word;
  const take = (word: string) => {
    if (!isWord(word))
      throw new RuleError(`expects '${word}' ${tokens[at] ? `at '${tokens[at]!.text}'` : "at its end"}`);
    at++;
  };
  const alarm = (): string => {
    const token = tokens[at++];
    if (!token || (!token.quoted && /^[(),]$/.test(token.text)))
      throw new RuleError("names no alarm where one is expected");
    return nameOfAlarm(token.text);
  };
  const state = (): StateValue => {
    const word = tokens[at++]?.text.toUpperCase() ?? "";
    if (!STATES.includes(word)) throw new RuleError(`expects a state at '${word}'`);
    return word as StateValue;
  };

  function or(): Rule {
    let left = and();
    while (isWord("OR")) {
      at++;
      left = { kind: "or", left, right: and() };
    }
    return left;
  }
  function and(): Rule {
    let left = not();
    while (isWord("AND")) {
      at++;
      left = { kind: "and", left, right: not() };
    }
    return left;
  }
  function not(): Rule {
    if (!isWord("NOT")) return primary();
    at++;
    return { kind: "not", of: not() };
  }
  function primary(): Rule {
    if (isWord("(")) {
      at++;
      const inner = or();
      take(")");
      return inner;
    }
    if (isWord("TRUE") || isWord("FALSE"))
      return { kind: "constant", value: tokens[at++]!.text.toUpperCase() === "TRUE" };
    if (isWord("AT_LEAST")) return atLeast();
    const found = state();
    take("(");
    const name = alarm();
    take(")");
    return { kind: "state", state: found, alarm: name };
  }
  function atLeast(): Rule {
    at++;
    take("(");
    const count = /^(\d+)(%?)$/.exec(tokens[at++]?.text ?? "");
    if (!count) throw new RuleError("AT_LEAST takes a number or a percentage first");
    take(",");
    const negated = isWord("NOT");
    if (negated) at++;
    const wanted = state();
    take(",");
    take("(");
    const alarms = [alarm()];
    while (isWord(",")) {
      at++;
      alarms.push(alarm());
    }
    take(")");
    take(")");
    const number = Number(count[1]);
    if (number < 1 || number > (count[2] ? 100 : alarms.length))
      throw new RuleError(`AT_LEAST takes 1 to ${count[2] ? "100%" : alarms.length}`);
    return { kind: "at least", count: count[2] ? { percent: number } : number, not: negated, state: wanted, alarms };
  }

  const rule = or();
  if (at < tokens.length) throw new RuleError(`goes on unexpectedly at '${tokens[at]!.text}'`);
  return rule;
}

/** Every alarm that the rule names, once. */
export function alarmsOf(rule: Rule): readonly string[] {
  const names = new Set<string>();
  const walk = (node: Rule): void => {
    if (node.kind === "state") names.add(node.alarm);
    else if (node.kind === "not") walk(node.of);
    else if (node.kind === "at least") for (const name of node.alarms) names.add(name);
    else if (node.kind !== "constant") {
      walk(node.left);
      walk(node.right);
    }
  };
  walk(rule);
  return [...names];
}

/** @param stateOf undefined for an alarm that is not there, which is in no state */
export function holds(rule: Rule, stateOf: (alarm: string) => StateValue | undefined): boolean {
  switch (rule.kind) {
    case "constant":
      return rule.value;
    case "state":
      return stateOf(rule.alarm) === rule.state;
    case "not":
      return !holds(rule.of, stateOf);
    case "and":
      return holds(rule.left, stateOf) && holds(rule.right, stateOf);
    case "or":
      return holds(rule.left, stateOf) || holds(rule.right, stateOf);
    case "at least": {
      const count = rule.alarms.filter((name) => (stateOf(name) === rule.state) !== rule.not).length;
      return typeof rule.count === "number"
        ? count >= rule.count
        : (100 * count) / rule.alarms.length >= rule.count.percent;
    }
  }
}
