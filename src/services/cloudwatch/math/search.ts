/**
 * The text of SEARCH: which metrics it means. Pure.
 *
 *     {Namespace, Dimension, "Dimension 2"} MetricName="Errors" (api OR web) NOT test
 *
 * A quoted term must be the whole of a name or value; one without quotes matches whole words in it, upper or lower case.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
 */
import type { MetricName } from "../state.ts";
import { ExpressionError } from "./parse.ts";

export interface Search {
  /** Absent: any. */
  readonly namespace?: string;
  /** With a schema: exactly these dimensions. */
  readonly dimensions?: readonly string[];
  readonly matches: (metric: MetricName) => boolean;
}

type Match = (metric: MetricName) => boolean;

const LENGTH_MAX = 1024;
const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|([(){}=,])|([^\s(){}=,"]+))/y;

/** @throws ExpressionError */
export function parseSearch(text: string): Search {
  if (text.length > LENGTH_MAX) throw new ExpressionError(`a search is at most ${LENGTH_MAX} characters long`);
  const tokens: string[] = [];
  let end = 0;
  while (text.slice(end).trim() !== "") {
    TOKEN.lastIndex = end;
    const match = TOKEN.exec(text);
    if (!match) throw new ExpressionError(`SEARCH cannot read '${text.slice(end).trim()}'`);
    end = TOKEN.lastIndex;
    tokens.push((match[1] ?? match[2] ?? match[3])!);
  }
  let at = 0;
  const plain = (token: string | undefined) => {
    if (token === undefined || /^[(){}=,]$/.test(token)) throw new ExpressionError("a SEARCH ends too soon");
    return token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/g, "$1") : token;
  };

  let schema: string[] | undefined;
  if (tokens[at] === "{") {
    at++;
    schema = [plain(tokens[at++])];
    while (tokens[at] === ",") {
      at++;
      schema.push(plain(tokens[at++]));
    }
    if (tokens[at++] !== "}") throw new ExpressionError("the schema of a SEARCH ends with }");
  }

  function or(): Match {
    let left = and();
    while (tokens[at]?.toUpperCase() === "OR") {
      at++;
      const [one, other] = [left, and()];
      left = (metric) => one(metric) || other(metric);
    }
    return left;
  }
  function and(): Match {
    let left = not();
    while (at < tokens.length && tokens[at] !== ")" && tokens[at]!.toUpperCase() !== "OR") {
      if (tokens[at]!.toUpperCase() === "AND") at++;
      const [one, other] = [left, not()];
      left = (metric) => one(metric) && other(metric);
    }
    return left;
  }
  function not(): Match {
    if (tokens[at]?.toUpperCase() !== "NOT") return term();
    at++;
    const inner = not();
    return (metric) => !inner(metric);
  }
  function term(): Match {
    const token = tokens[at++];
    if (token === "(") {
      const inner = or();
      if (tokens[at++] !== ")") throw new ExpressionError("a ) is missing in a SEARCH");
      return inner;
    }
    const word = plain(token);
    if (tokens[at] !== "=") return matcher(token!, word, anything);
    at++;
    if (word.startsWith(":")) throw new ExpressionError(`SEARCH by ${word} is not supported`);
    if (tokens[at] !== "(") return value(word);
    // Key=(a OR b)
    at++;
    let left = value(word);
    while (tokens[at]?.toUpperCase() === "OR") {
      at++;
      const [one, other] = [left, value(word)];
      left = (metric) => one(metric) || other(metric);
    }
    if (tokens[at++] !== ")") throw new ExpressionError("a ) is missing in a SEARCH");
    return left;
  }
  function value(word: string): Match {
    const token = tokens[at++];
    return matcher(token!, plain(token), (metric) => valuesOf(metric, word));
  }

  const matches = at < tokens.length ? or() : () => true;
  if (at < tokens.length) throw new ExpressionError(`SEARCH cannot read '${tokens[at]}'`);
  return schema ? { namespace: schema[0]!, dimensions: schema.slice(1), matches } : { matches };
}

const anything = (metric: MetricName): readonly string[] => [
  metric.namespace,
  metric.name,
  ...metric.dimensions.flatMap(({ Name, Value }) => [Name, Value]),
];

function valuesOf(metric: MetricName, key: string): readonly string[] {
  if (key === "MetricName") return [metric.name];
  if (key === "Namespace") return [metric.namespace];
  return metric.dimensions.filter(({ Name }) => Name === key).map(({ Value }) => Value);
}

function matcher(token: string, word: string, values: (metric: MetricName) => readonly string[]): Match {
  if (token.startsWith('"')) return (metric) => values(metric).includes(word);
  const wanted = wordsOf(word);
  return (metric) => values(metric).some((value) => includes(wordsOf(value), wanted));
}

/** Words as AWS cuts them: at anything that is no letter or digit, and where lower case turns to upper: `CPUUsage` is two. */
const wordsOf = (text: string): string[] =>
  text
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, "$1$3 $2$4")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");

function includes(words: readonly string[], wanted: readonly string[]): boolean {
  for (let at = 0; at + wanted.length <= words.length; at++) {
    if (wanted.every((word, index) => words[at + index] === word)) return wanted.length > 0;
  }
  return false;
}
