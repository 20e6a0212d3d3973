/**
 * The grammar of metric math: numbers, identifiers, strings, lists, function calls, arithmetic, comparisons, AND and OR. Pure.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */

export type Node =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Node[] }
  | { readonly kind: "minus"; readonly of: Node }
  | { readonly kind: "binary"; readonly operator: Operator; readonly left: Node; readonly right: Node };

export type Operator = "+" | "-" | "*" | "/" | "^" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "AND" | "OR";

/** Why an expression is none. */
export class ExpressionError extends Error {}

const EXPRESSION_LENGTH_MAX = 2048;
const DEPTH_MAX = 60;

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(&&|\|\||==|!=|<=|>=|[-+*/^<>()[\],]))/y;

type Token =
  | { readonly type: "number" | "name" | "string" | "symbol"; readonly text: string }
  | { readonly type: "end"; readonly text: "" };

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (text.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) throw new ExpressionError(`unexpected '${text.slice(at).trim()[0]}'`);
    at = TOKEN.lastIndex;
    if (match[1] !== undefined) tokens.push({ type: "number", text: match[1] });
    else if (match[2] !== undefined) tokens.push({ type: "name", text: match[2] });
    else if (match[3] !== undefined)
      tokens.push({ type: "string", text: match[3].slice(1, -1).replace(/\\(.)/g, "$1") });
    else tokens.push({ type: "symbol", text: match[4]! });
  }
  tokens.push({ type: "end", text: "" });
  return tokens;
}

/** Weakest first. */
const LEVELS: readonly Readonly<Record<string, Operator>>[] = [
  { OR: "OR", "||": "OR" },
  { AND: "AND", "&&": "AND" },
  { "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=" },
  { "+": "+", "-": "-" },
  { "*": "*", "/": "/" },
];

/** @throws ExpressionError */
export function parseExpression(text: string): Node {
  if (text.length > EXPRESSION_LENGTH_MAX) throw new ExpressionError(`longer than ${EXPRESSION_LENGTH_MAX} characters`);
  const tokens = tokenize(text);
  let at = 0;
  let depth = 0;
  const peek = (): Token => tokens[at]!;
  const isSymbol = (symbol: string) => peek().type === "symbol" && peek().text === symbol;
  const expect = (symbol: string) => {
    if (!isSymbol(symbol)) throw new ExpressionError(`expected '${symbol}' ${where(peek())}`);
    at++;
  };

  function level(index: number): Node {
    if (index === LEVELS.length) return unary();
    let left = level(index + 1);
    for (;;) {
      const token = peek();
      const word = token.type === "name" ? token.text.toUpperCase() : token.type === "symbol" ? token.text : "";
      const operator = Object.hasOwn(LEVELS[index]!, word) ? LEVELS[index]![word] : undefined;
      if (!operator) return left;
      at++;
      left = { kind: "binary", operator, left, right: level(index + 1) };
    }
  }

  function unary(): Node {
    if (isSymbol("-")) {
      at++;
      return { kind: "minus", of: deeper(unary) };
    }
    const base = primary();
    if (!isSymbol("^")) return base;
    at++;
    return { kind: "binary", operator: "^", left: base, right: deeper(unary) };
  }

  function deeper(parse: () => Node): Node {
    if (++depth > DEPTH_MAX) throw new ExpressionError("nested too deeply");
    const node = parse();
    depth--;
    return node;
  }

  function items(close: string): Node[] {
    const found: Node[] = [];
    if (!isSymbol(close)) {
      do found.push(deeper(() => level(0)));
      while (isSymbol(",") && ++at);
    }
    expect(close);
    return found;
  }

  function primary(): Node {
    const token = peek();
    at++;
    if (token.type === "number") return { kind: "number", value: Number(token.text) };
    if (token.type === "string") return { kind: "string", value: token.text };
    if (token.type === "name") {
      if (!isSymbol("(")) return { kind: "name", name: token.text };
      at++;
      return { kind: "call", name: token.text.toUpperCase(), arguments: items(")") };
    }
    if (token.text === "(" && token.type === "symbol") {
      const inner = deeper(() => level(0));
      expect(")");
      return inner;
    }
    if (token.text === "[" && token.type === "symbol") return { kind: "list", items: items("]") };
    throw new ExpressionError(`unexpected ${where(token)}`);
  }

  const node = level(0);
  if (peek().type !== "end") throw new ExpressionError(`unexpected ${where(peek())}`);
  return node;
}

const where = (token: Token): string => (token.type === "end" ? "at the end" : `at '${token.text}'`);
