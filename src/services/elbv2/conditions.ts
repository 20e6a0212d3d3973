/**
 * When a rule applies: checked and completed when the rule is made, compiled to a function when requests come. All conditions must hold; of one
 * condition's values, any.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html#rule-condition-types
 */
import { BlockList, isIP } from "node:net";
import { notImplemented } from "../../kernel/errors.ts";
import { validation } from "./errors.ts";
import type { Condition } from "./state.ts";

/** Values over all conditions of a rule. */
const VALUES_MAX = 5;
const VALUE_CHARACTERS_MAX = 128;

/** What conditions look at. */
export interface Asked {
  readonly method: string;
  /** Without its port. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
  /** Lower-case names; several values joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly sourceIp: string;
}

/** @throws ValidationError; NotImplemented for regular expressions */
export function checkedConditions(given: readonly Condition[] | undefined): readonly Condition[] {
  const conditions = given ?? [];
  if (conditions.length === 0) throw validation("A rule must have at least one condition");
  const checked = conditions.map(checkedCondition);
  const count = checked.reduce((sum, condition) => sum + valueCount(condition), 0);
  if (count > VALUES_MAX) throw validation(`A rule has at most ${VALUES_MAX} condition values`);
  return checked;
}

function checkedCondition(condition: Condition): Condition {
  const { Field, Values } = condition;
  if (condition.RegexValues?.length) throw notImplemented("RegexValues of rule conditions");
  const texts = (
    config: { readonly Values?: string[] | undefined; readonly RegexValues?: string[] | undefined } | undefined,
  ) => {
    if (config?.RegexValues?.length) throw notImplemented("RegexValues of rule conditions");
    const values = config?.Values ?? Values ?? [];
    if (values.length === 0) throw validation(`Condition field '${Field}' must have at least one value`);
    for (const value of values)
      if (value.length > VALUE_CHARACTERS_MAX || value === "")
        throw validation(`The condition value '${value}' must have between 1 and ${VALUE_CHARACTERS_MAX} characters`);
    return values;
  };
  switch (Field) {
    case "path-pattern": {
      const values = texts(condition.PathPatternConfig);
      return { Field, Values: values, PathPatternConfig: { Values: values } };
    }
    case "host-header": {
      const values = texts(condition.HostHeaderConfig);
      return { Field, Values: values, HostHeaderConfig: { Values: values } };
    }
    case "http-request-method": {
      const values = texts(condition.HttpRequestMethodConfig);
      for (const value of values)
        if (!/^[A-Z_-]{1,40}$/.test(value)) throw validation(`The HTTP request method '${value}' is not valid`);
      return { Field, HttpRequestMethodConfig: { Values: values } };
    }
    case "http-header": {
      const { HttpHeaderName } = condition.HttpHeaderConfig ?? {};
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$/.test(HttpHeaderName ?? ""))
        throw validation(`The HTTP header name '${HttpHeaderName}' is not valid`);
      return { Field, HttpHeaderConfig: { HttpHeaderName, Values: texts(condition.HttpHeaderConfig) } };
    }
    case "query-string": {
      const values = condition.QueryStringConfig?.Values ?? [];
      if (values.length === 0) throw validation("Condition field 'query-string' must have at least one value");
      if (values.some(({ Value }) => !Value)) throw validation("A query string condition must have a value");
      return { Field, QueryStringConfig: { Values: values } };
    }
    case "source-ip": {
      const values = texts(condition.SourceIpConfig);
      for (const value of values)
        if (!isCidr(value)) throw validation(`The source IP '${value}' is not a valid CIDR block`);
      return { Field, SourceIpConfig: { Values: values } };
    }
    default:
      throw validation(
        `Condition field '${Field}' must be one of '[path-pattern, host-header, http-request-method, http-header, query-string, source-ip]'`,
      );
  }
}

const isCidr = (text: string): boolean => {
  const [address = "", bits = ""] = text.split("/");
  const family = isIP(address);
  return family > 0 && /^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
};

function valueCount(condition: Condition): number {
  const config = configOf(condition);
  return config?.Values?.length ?? 0;
}

const configOf = (condition: Condition): { readonly Values?: readonly unknown[] | undefined } | undefined =>
  condition.PathPatternConfig ??
  condition.HostHeaderConfig ??
  condition.HttpRequestMethodConfig ??
  condition.HttpHeaderConfig ??
  condition.QueryStringConfig ??
  condition.SourceIpConfig;

/** `*` is any characters, `?` is one; a backslash takes the next character as it is. */
function wildcard(pattern: string, flags: "" | "i"): RegExp {
  const source = pattern.replace(/\\(.)|[*?]|[.+^${}()|[\]\\]/gs, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return escaped.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    if (part === "*") return ".*";
    return part === "?" ? "." : `\\${part}`;
  });
  return new RegExp(`^${source}$`, `s${flags}`);
}

export function compileConditions(conditions: readonly Condition[]): (asked: Asked) => boolean {
  const compiled = conditions.map(compile);
  return (asked) => compiled.every((holds) => holds(asked));
}

function compile(condition: Condition): (asked: Asked) => boolean {
  switch (condition.Field) {
    case "path-pattern": {
      const patterns = condition.PathPatternConfig!.Values!.map((value) => wildcard(value, ""));
      return ({ path }) => patterns.some((pattern) => pattern.test(path));
    }
    case "host-header": {
      const patterns = condition.HostHeaderConfig!.Values!.map((value) => wildcard(value, "i"));
      return ({ host }) => patterns.some((pattern) => pattern.test(host));
    }
    case "http-request-method": {
      const methods = new Set(condition.HttpRequestMethodConfig!.Values);
      return ({ method }) => methods.has(method);
    }
    case "http-header": {
      const { HttpHeaderName, Values } = condition.HttpHeaderConfig!;
      const name = HttpHeaderName!.toLowerCase();
      const patterns = Values!.map((value) => wildcard(value, "i"));
      return ({ headers }) => headers[name] !== undefined && patterns.some((pattern) => pattern.test(headers[name]!));
    }
    case "query-string": {
      const wanted = condition.QueryStringConfig!.Values!.map(({ Key, Value }) => ({
        name: Key === undefined ? undefined : wildcard(Key, "i"),
        value: wildcard(Value!, "i"),
      }));
      return ({ query }) => {
        const pairs = [...new URLSearchParams(query)];
        return wanted.some((want) =>
          pairs.some(([name, value]) => (want.name === undefined || want.name.test(name)) && want.value.test(value)),
        );
      };
    }
    default: {
      const blocks = new BlockList();
      for (const value of condition.SourceIpConfig!.Values!) {
        const [address, bits] = value.split("/") as [string, string];
        blocks.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
      }
      return ({ sourceIp }) => isIP(sourceIp) > 0 && blocks.check(sourceIp, isIP(sourceIp) === 4 ? "ipv4" : "ipv6");
    }
  }
}
