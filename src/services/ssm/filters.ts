/** Filters of lists of parameters. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { type Parameter, Versions, versionKey, type Where } from "./state.ts";

interface GivenFilter {
  readonly Key?: string | undefined;
  readonly Option?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

type Passes = (parameter: Parameter) => boolean;

/**
 * @param keys that this request knows; `tag` stands for `tag:NAME`
 * @throws InvalidFilterKey, InvalidFilterOption, InvalidFilterValue
 */
export function filterOf(tx: Transaction, at: Where, filters: readonly GivenFilter[], keys: readonly string[]): Passes {
  const passes = filters.map((filter) => one(tx, at, filter, keys));
  return (parameter) => passes.every((pass) => pass(parameter));
}

function one(
  tx: Transaction,
  at: Where,
  { Key = "", Option, Values = [] }: GivenFilter,
  keys: readonly string[],
): Passes {
  const tag = Key.startsWith("tag:") ? Key.slice("tag:".length) : undefined;
  if (!keys.includes(tag === undefined ? Key : "tag")) {
    throw new AwsError("InvalidFilterKey", `The specified filter key isn't valid: ${Key}`);
  }
  const options =
    Key === "Path"
      ? ["OneLevel", "Recursive"]
      : Key === "Name"
        ? ["Equals", "BeginsWith", "Contains"]
        : ["Equals", "BeginsWith"];
  const option = Option ?? options[0]!;
  if (!options.includes(option)) {
    throw new AwsError(
      "InvalidFilterOption",
      `The following filter option is not valid: ${option}. Valid options include: ${options.join(", ")}.`,
    );
  }
  if (Values.length === 0 && tag === undefined) {
    throw new AwsError("InvalidFilterValue", `The following filter values are missing for filter key ${Key}.`);
  }
  if (tag !== undefined) {
    return ({ tags }) => Object.hasOwn(tags, tag) && (Values.length === 0 || Values.includes(tags[tag]!));
  }
  switch (Key) {
    case "Path":
      return ({ name }) =>
        Values.some((path) => {
          const stem = path.endsWith("/") ? path : `${path}/`;
          return name.startsWith(stem) && (option === "Recursive" || !name.slice(stem.length).includes("/"));
        });
    case "Label":
      return ({ labels }) => Values.some((label) => Object.hasOwn(labels, label));
    default: {
      const compare = (text: string) => Values.some((value) => matches(option, text, value));
      return (parameter) => {
        const text = textOf(tx, at, Key, parameter);
        return text !== undefined && compare(text);
      };
    }
  }
}

function matches(option: string, text: string, value: string): boolean {
  if (option === "Equals") return text === value;
  return option === "BeginsWith" ? text.startsWith(value) : text.includes(value);
}

function textOf(tx: Transaction, at: Where, key: string, parameter: Parameter): string | undefined {
  switch (key) {
    case "Name":
      return parameter.name;
    case "Type":
      return parameter.type;
    case "Tier":
      return parameter.tier;
    case "DataType":
      return "text";
    default:
      return Versions.get(tx, versionKey(at, parameter.name, parameter.latestVersion))?.keyId;
  }
}
