/** Whether an item meets a condition. An attribute that is missing, or of another type, compares as false with everything but `<>`. */
import {
  type AttributeMap,
  type AttributeValue,
  bufferOf,
  compareScalars,
  equalValues,
  setMembers,
  typeOf,
} from "../values/attribute-value.ts";
import type { Condition, Operand } from "./condition.ts";
import type { Comparator } from "./condition-syntax.ts";
import { follow } from "./paths.ts";

export function matches(condition: Condition, item: AttributeMap): boolean {
  switch (condition.kind) {
    case "and":
      return matches(condition.left, item) && matches(condition.right, item);
    case "or":
      return matches(condition.left, item) || matches(condition.right, item);
    case "not":
      return !matches(condition.condition, item);
    case "compare":
      return compares(condition.comparator, resolve(condition.left, item), resolve(condition.right, item));
    case "between": {
      const value = resolve(condition.operand, item);
      return (
        compares(">=", value, resolve(condition.low, item)) && compares("<=", value, resolve(condition.high, item))
      );
    }
    case "in": {
      const value = resolve(condition.operand, item);
      return value !== undefined && condition.list.some((member) => compares("=", value, resolve(member, item)));
    }
    case "attribute_exists":
      return follow(condition.path, item) !== undefined;
    case "attribute_not_exists":
      return follow(condition.path, item) === undefined;
    case "attribute_type": {
      const value = resolve(condition.operand, item);
      return value !== undefined && typeOf(value) === condition.type;
    }
    case "begins_with":
      return beginsWith(resolve(condition.operand, item), resolve(condition.argument, item));
    case "contains":
      return contains(resolve(condition.operand, item), resolve(condition.argument, item));
    case "not_contains":
      return !contains(resolve(condition.operand, item), resolve(condition.argument, item));
  }
}

function resolve(operand: Operand, item: AttributeMap): AttributeValue | undefined {
  switch (operand.kind) {
    case "path":
      return follow(operand.path, item);
    case "value":
      return operand.value;
    case "size": {
      const value = resolve(operand.of, item);
      const size = value && sizeOf(value);
      return size === undefined ? undefined : { N: String(size) };
    }
  }
}

/** UTF-16 units of text (tried on AWS: "é𝄞" has three), bytes of binary, members of sets, lists and maps; undefined for the other types. */
function sizeOf(value: AttributeValue): number | undefined {
  switch (typeOf(value)) {
    case "S":
      return value.S!.length;
    case "B":
      return value.B!.byteLength;
    case "SS":
    case "NS":
    case "BS":
      return (value.SS ?? value.NS ?? value.BS)!.length;
    case "L":
      return value.L!.length;
    case "M":
      return Object.keys(value.M!).length;
    default:
      return undefined;
  }
}

export function compares(
  comparator: Comparator,
  left: AttributeValue | undefined,
  right: AttributeValue | undefined,
): boolean {
  if (left === undefined || right === undefined) return comparator === "<>";
  if (comparator === "=") return equalValues(left, right);
  if (comparator === "<>") return !equalValues(left, right);
  const type = typeOf(left);
  if (type !== typeOf(right) || (type !== "S" && type !== "N" && type !== "B")) return false;
  const order = compareScalars(left, right);
  switch (comparator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

function beginsWith(value: AttributeValue | undefined, prefix: AttributeValue | undefined): boolean {
  if (value?.S !== undefined && prefix?.S !== undefined) return value.S.startsWith(prefix.S);
  if (value?.B !== undefined && prefix?.B !== undefined) {
    return bufferOf(value.B).subarray(0, prefix.B.byteLength).equals(prefix.B);
  }
  return false;
}

function contains(value: AttributeValue | undefined, part: AttributeValue | undefined): boolean {
  if (value === undefined || part === undefined) return false;
  switch (typeOf(value)) {
    case "S":
      return part.S !== undefined && value.S!.includes(part.S);
    case "B":
      return part.B !== undefined && bufferOf(value.B!).includes(bufferOf(part.B));
    case "SS":
      return part.S !== undefined && value.SS!.includes(part.S);
    case "NS":
      return part.N !== undefined && value.NS!.includes(part.N);
    case "BS":
      return part.B !== undefined && setMembers(value).includes(bufferOf(part.B).toString("base64"));
    case "L":
      return value.L!.some((member) => equalValues(member, part));
    default:
      return false;
  }
}
