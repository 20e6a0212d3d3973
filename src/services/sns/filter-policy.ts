/**
 * Filter policies: which of a topic's messages a subscription wants. Checked and compiled here once, then asked for every message.
 *
 * A policy is a tree of names whose leaves are lists of alternatives. All names must match, one alternative of each is enough; `$or` holds
 * several policies of which one is enough.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
 */
import type { MessageAttributeValue } from "@aws-sdk/client-sns";
import { invalidParameter } from "./errors.ts";

/** What a leaf of a message may be. */
type Scalar = string | number | boolean | null;
/** Whether a value satisfies one alternative; asked with undefined where the message has no such name. */
type Test = (value: Scalar | undefined) => boolean;

/** One way to satisfy the policy: all its conditions. */
interface Branch {
  readonly conditions: readonly { readonly path: readonly string[]; readonly tests: readonly Test[] }[];
}

export interface FilterPolicy {
  readonly branches: readonly Branch[];
}

export type FilterScope = "MessageAttributes" | "MessageBody";

const KEYS_MAX = 5;
const COMBINATIONS_MAX = 150;
const POLICY_BYTES_MAX = 256 * 1024;
/** Names of a nested policy, one within the other. */
const DEPTH_MAX = 100;
/** Ways through a message's arrays that are looked at: elements of nested arrays multiply. */
const ELEMENTS_MAX = 10_000;
/** Numbers match to five digits after the decimal point. */
const NUMBER_SCALE = 100_000;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * @param prefix what stands before `FilterPolicy` in errors: Subscribe says `Attributes Reason: `
 * @throws InvalidParameter
 */
export function compileFilterPolicy(text: string, scope: FilterScope, prefix = ""): FilterPolicy {
  const refuse = (reason: string) => invalidParameter(`${prefix}FilterPolicy: ${reason}`);
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX) throw refuse("Filter policy is too long");
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw refuse("failed to parse JSON.");
  }
  if (!isObject(policy)) throw refuse("failed to parse JSON.");
  if (Object.keys(policy).length > KEYS_MAX) throw refuse("Filter policy can not have more than 5 keys");

  const walk = (members: Record<string, unknown>, path: readonly string[]): Branch[] => {
    if (path.length > DEPTH_MAX) throw refuse("Filter policy is nested too deeply");
    let branches: Branch[] = [{ conditions: [] }];
    for (const [name, value] of Object.entries(members)) {
      let alternatives: Branch[];
      if (name === "$or" && Array.isArray(value) && value.length > 1 && value.every(isObject)) {
        alternatives = value.flatMap((inner) => walk(inner, path));
      } else if (isObject(value)) {
        if (scope === "MessageAttributes") {
          throw invalidParameter(
            `${prefix}Filter policy scope MessageAttributes does not support nested filter policy`,
          );
        }
        alternatives = walk(value, [...path, name]);
      } else if (Array.isArray(value)) {
        if (value.length === 0) throw refuse("Empty arrays are not allowed");
        const tests = value.map((rule) => testOf(rule, refuse));
        alternatives = [{ conditions: [{ path: [...path, name], tests }] }];
      } else throw refuse(`"${name}" must be an object or an array`);
      branches = branches.flatMap((one) =>
        alternatives.map((other) => ({ conditions: [...one.conditions, ...other.conditions] })),
      );
      if (branches.length > COMBINATIONS_MAX) throw refuse("Filter policy is too complex");
    }
    return branches;
  };
  const branches = walk(policy, []);
  // Every list multiplies by its length, and by how deep it lies.
  const combinations = branches.reduce(
    (sum, { conditions }) =>
      sum + conditions.reduce((product, { path, tests }) => product * tests.length * path.length, 1),
    0,
  );
  if (combinations > COMBINATIONS_MAX) throw refuse("Filter policy is too complex");
  return { branches };
}

type Refuse = (reason: string) => Error;

const round = (value: number): number => Math.round(value * NUMBER_SCALE);
const sameNumber = (value: Scalar | undefined, wanted: number): boolean =>
  typeof value === "number" && round(value) === round(wanted);

function testOf(rule: unknown, refuse: Refuse): Test {
  if (rule === null || typeof rule === "string" || typeof rule === "boolean") return (value) => value === rule;
  if (typeof rule === "number") return (value) => sameNumber(value, rule);
  if (!isObject(rule)) throw refuse("Match value must be String, number, true, false, or null");
  const entries = Object.entries(rule);
  if (entries.length !== 1) throw refuse("Only one key allowed in match expression");
  const [operator, operand] = entries[0]!;
  switch (operator) {
    case "prefix":
    case "suffix":
    case "equals-ignore-case":
    case "wildcard": {
      if (typeof operand !== "string") throw refuse(`${operator} match pattern must be a string`);
      return textTest(operator, operand, refuse);
    }
    case "anything-but":
      return anythingBut(operand, refuse);
    case "exists": {
      if (typeof operand !== "boolean") throw refuse("exists match pattern must be either true or false.");
      return (value) => (value !== undefined) === operand;
    }
    case "numeric":
      return numericTest(operand, refuse);
    case "cidr":
      return cidrTest(operand, refuse);
    default:
      throw refuse(`Unrecognized match type ${operator}`);
  }
}

function textTest(operator: string, operand: string, refuse: Refuse): Test {
  const on =
    (matches: (text: string) => boolean): Test =>
    (value) =>
      typeof value === "string" && matches(value);
  switch (operator) {
    case "prefix":
      return on((text) => text.startsWith(operand));
    case "suffix":
      return on((text) => text.endsWith(operand));
    case "equals-ignore-case": {
      const wanted = operand.toLowerCase();
      return on((text) => text.toLowerCase() === wanted);
    }
    default:
      return on(wildcard(operand, refuse));
  }
}

/** `*` stands for any characters, `\*` for itself. Linear: each piece is looked for once, from the left. */
function wildcard(pattern: string, refuse: Refuse): (text: string) => boolean {
  if (/\*\*/.test(pattern)) throw refuse("Consecutive wildcard characters");
  const pieces: string[] = [""];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === "*") pieces.push("");
    else if (character === "\\") {
      const next = pattern[++at];
      if (next !== "*" && next !== "\\") throw refuse("Invalid escape character");
      pieces[pieces.length - 1] += next;
    } else pieces[pieces.length - 1] += character;
  }
  const [first, ...rest] = pieces as [string, ...string[]];
  const last = rest.pop();
  return (text) => {
    if (last === undefined) return text === first;
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const piece of rest) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/** Matches what has a value, and none of these. */
function anythingBut(operand: unknown, refuse: Refuse): Test {
  let tests: Test[];
  if (isObject(operand)) {
    const entries = Object.entries(operand);
    if (entries.length !== 1) throw refuse("Only one key allowed in match expression");
    const [operator, inner] = entries[0]!;
    if (
      operator !== "prefix" &&
      operator !== "suffix" &&
      operator !== "wildcard" &&
      operator !== "equals-ignore-case"
    ) {
      throw refuse(`Unsupported anything-but pattern: ${operator}`);
    }
    const patterns = Array.isArray(inner) ? inner : [inner];
    if (patterns.length === 0 || !patterns.every((pattern) => typeof pattern === "string")) {
      throw refuse(`${operator} match pattern must be a string`);
    }
    tests = patterns.map((pattern) => textTest(operator, pattern as string, refuse));
  } else {
    const values = Array.isArray(operand) ? operand : [operand];
    if (values.length === 0) throw refuse("Empty arrays are not allowed");
    if (values.some((value) => typeof value !== "string" && typeof value !== "number")) {
      throw refuse("Value of anything-but must be an array or single string/number value.");
    }
    tests = values.map((value) => testOf(value, refuse));
  }
  return (value) => value !== undefined && !tests.some((test) => test(value));
}

const COMPARISONS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  "=": (value, limit) => value === limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
};

/** `["=", 5]`, `["<", 5]`, `[">", 0, "<=", 5]`. */
function numericTest(operand: unknown, refuse: Refuse): Test {
  if (!Array.isArray(operand) || operand.length === 0) throw refuse("Invalid member in numeric match: ]");
  const [operator, limit, second, top, ...more] = operand;
  if (typeof operator !== "string") throw refuse(`Invalid member in numeric match: ${operator}`);
  if (!Object.hasOwn(COMPARISONS, operator)) throw refuse(`Unrecognized numeric range operator: ${operator}`);
  if (typeof limit !== "number") throw refuse(`Value of ${operator === "=" ? "equals" : operator} must be numeric`);
  const holds = COMPARISONS[operator]!;
  const bottom = round(limit);
  if (operand.length === 2) return (value) => typeof value === "number" && holds(round(value), bottom);
  if (operator !== ">" && operator !== ">=") throw refuse("Too many elements in numeric expression");
  if (typeof second !== "string") throw refuse(`Bad value in numeric range: ${second}`);
  if (second !== "<" && second !== "<=") throw refuse(`Bad numeric range operator: ${second}`);
  if (typeof top !== "number") throw refuse(`Value of ${second} must be numeric`);
  if (top <= limit) throw refuse("Bottom must be less than top");
  if (more.length > 0) throw refuse("Too many terms in numeric range expression");
  const holdsToo = COMPARISONS[second]!;
  const ceiling = round(top);
  return (value) => typeof value === "number" && holds(round(value), bottom) && holdsToo(round(value), ceiling);
}

function cidrTest(operand: unknown, refuse: Refuse): Test {
  if (typeof operand !== "string") throw refuse("prefix match pattern must be a string");
  const parts = operand.split("/");
  if (parts.length !== 2) throw refuse("Malformed CIDR, one '/' required");
  const [address, mask] = parts as [string, string];
  if (!/^\d{1,3}$/.test(mask)) throw refuse("Malformed CIDR, mask bits must be an integer");
  const network = addressBits(address);
  if (!network) throw refuse(`Nonstandard IP address: ${address}`);
  if (Number(mask) > network.width) throw refuse("Malformed CIDR, mask bits must be an integer");
  const shift = BigInt(network.width - Number(mask));
  return (value) => {
    const other = typeof value === "string" ? addressBits(value) : undefined;
    return other?.width === network.width && other.bits >> shift === network.bits >> shift;
  };
}

/** An IPv4 or IPv6 address as a number; undefined when the text is none. */
function addressBits(text: string): { readonly bits: bigint; readonly width: 32 | 128 } | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const bytes = text.split(".").map(Number);
    if (bytes.some((byte) => byte > 255)) return undefined;
    return { bits: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n), width: 32 };
  }
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(":")) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[]?];
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array(tail === undefined ? 0 : missing).fill("0"), ...(tail ?? [])];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { bits: groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n), width: 128 };
}

/** Policies are few and asked at every publish: those compiled last are kept, by their text. */
const compiled = new Map<string, FilterPolicy>();
const COMPILED_MAX = 2000;

/** A policy that was checked when it was stored. */
export function storedFilterPolicy(text: string, scope: FilterScope): FilterPolicy {
  const id = `${scope} ${text}`;
  const known = compiled.get(id);
  if (known) return known;
  const policy = compileFilterPolicy(text, scope);
  if (compiled.size >= COMPILED_MAX) compiled.delete(compiled.keys().next().value!);
  compiled.set(id, policy);
  return policy;
}

/** Attributes of type String, String.Array and Number are compared; a list is satisfied by one of its elements. */
export function matchesAttributes(
  policy: FilterPolicy,
  attributes: Readonly<Record<string, MessageAttributeValue>>,
): boolean {
  const valuesOf = (name: string): readonly (Scalar | undefined)[] => {
    const attribute = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    if (!attribute) return [undefined];
    const { DataType = "", StringValue = "" } = attribute;
    if (DataType === "String.Array") return elementsOf(StringValue);
    if (DataType.startsWith("Number")) return [Number(StringValue)];
    // A binary attribute is there, and equal to nothing.
    return [DataType.startsWith("Binary") ? Number.NaN : StringValue];
  };
  return policy.branches.some(({ conditions }) =>
    conditions.every(({ path, tests }) => valuesOf(path[0]!).some((value) => tests.some((test) => test(value)))),
  );
}

function elementsOf(text: string): readonly (Scalar | undefined)[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list.filter((one) => typeof one !== "object" || one === null) as Scalar[];
  } catch {
    // Not a list: nothing of it can match.
  }
  return [];
}

/**
 * A body that is no JSON object matches nothing. Elements of one list of objects are looked at one by one: conditions below the same list
 * must be met by the same element.
 */
export function matchesBody(policy: FilterPolicy, text: string): boolean {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return false;
  }
  if (!isObject(body)) return false;
  return policy.branches.some(({ conditions }) => {
    const budget = { left: ELEMENTS_MAX };
    return holds(
      body,
      conditions.map(({ path, tests }) => ({ path, tests })),
      budget,
    );
  });
}

type Conditions = readonly { readonly path: readonly string[]; readonly tests: readonly Test[] }[];

function holds(node: unknown, conditions: Conditions, budget: { left: number }): boolean {
  if (budget.left-- <= 0) return false;
  if (Array.isArray(node)) return node.some((element) => holds(element, conditions, budget));
  const byName = new Map<string, { path: readonly string[]; tests: readonly Test[] }[]>();
  for (const { path, tests } of conditions) {
    const name = path[0]!;
    byName.set(name, [...(byName.get(name) ?? []), { path: path.slice(1), tests }]);
  }
  for (const [name, below] of byName) {
    const value = isObject(node) && Object.hasOwn(node, name) ? node[name] : undefined;
    const leaves = below.filter(({ path }) => path.length === 0);
    const deeper = below.filter(({ path }) => path.length > 0);
    if (!leaves.every(({ tests }) => leafMatches(value, tests, budget))) return false;
    if (deeper.length > 0 && !holds(value, deeper, budget)) return false;
  }
  return true;
}

function leafMatches(value: unknown, tests: readonly Test[], budget: { left: number }): boolean {
  if (budget.left-- <= 0) return false;
  if (Array.isArray(value)) {
    return value.length === 0
      ? tests.some((test) => test(undefined))
      : value.some((element) => leafMatches(element, tests, budget));
  }
  // An object is no value: names that lead to one count as absent.
  const scalar = isObject(value) ? undefined : (value as Scalar | undefined);
  return tests.some((test) => test(scalar));
}
