/** What a template is made of, before anything is known about its meaning. */

export type Value = null | boolean | number | string | readonly Value[] | ValueObject;
export type ValueObject = { readonly [name: string]: Value };

export function isObject(value: unknown): value is ValueObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** The text of a scalar, as CloudFormation turns numbers and booleans into strings. */
export function textOf(value: string | number | boolean): string {
  return String(value);
}

/** Deep equality of plain data; the order of an object's members does not matter. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => sameValue(item, right[index]))
    );
  }
  if (!isObject(left) || !isObject(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && sameValue(left[name], right[name]))
  );
}

/**
 * The intrinsic function that a value is: an object with one member whose name is a function's. A property that happens to be called
 * `Condition` or `Ref` beside others is not one.
 */
export function intrinsicOf(value: unknown): readonly [name: string, argument: Value] | undefined {
  if (!isObject(value)) return undefined;
  const names = Object.keys(value);
  if (names.length !== 1) return undefined;
  const name = names[0]!;
  if (name === "Ref" || name.startsWith("Fn::")) return [name, value[name]!];
  return undefined;
}
