/**
 * JSON Schema draft 4, as far as API Gateway's models use it. A schema with what is not checked here is refused when the model is made.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
 */

export class SchemaError extends Error {}

type Schema = Readonly<Record<string, any>>;

const ANNOTATIONS = new Set([
  "$schema",
  "id",
  "$id",
  "title",
  "description",
  "default",
  "example",
  "examples",
  "format",
  "definitions",
  "readOnly",
  "writeOnly",
  "deprecated",
  "xml",
  "externalDocs",
  "discriminator",
  "$comment",
]);
const CHECKED = new Set([
  "$ref",
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "minProperties",
  "maxProperties",
  "dependencies",
  "items",
  "additionalItems",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "nullable",
]);
const TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"];
const DEPTH_MAX = 200;

/** @throws SchemaError for what is no schema, or cannot be checked */
export function checkSchema(schema: unknown, depth = 0): void {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema))
    throw new SchemaError("Invalid model schema specified");
  if (depth > DEPTH_MAX) throw new SchemaError("The schema is nested too deeply");
  for (const [name, value] of Object.entries(schema as Schema)) {
    if (ANNOTATIONS.has(name) || name.startsWith("x-")) {
      if (name === "definitions") for (const inner of Object.values(value as object)) checkSchema(inner, depth + 1);
      continue;
    }
    if (!CHECKED.has(name)) throw new SchemaError(`Unsupported keyword(s): ["${name}"]`);
    switch (name) {
      case "type":
        for (const type of [value].flat())
          if (!TYPES.includes(type)) throw new SchemaError(`Invalid type ${JSON.stringify(type)}`);
        break;
      case "pattern":
        compile(value);
        break;
      case "properties":
        for (const inner of Object.values(value as object)) checkSchema(inner, depth + 1);
        break;
      case "patternProperties":
        for (const [pattern, inner] of Object.entries(value as object)) {
          compile(pattern);
          checkSchema(inner, depth + 1);
        }
        break;
      case "allOf":
      case "anyOf":
      case "oneOf":
        if (!Array.isArray(value) || value.length === 0) throw new SchemaError(`${name} has to be a list of schemas`);
        for (const inner of value) checkSchema(inner, depth + 1);
        break;
      case "not":
        checkSchema(value, depth + 1);
        break;
      case "items":
        for (const inner of [value].flat()) checkSchema(inner, depth + 1);
        break;
      case "additionalProperties":
      case "additionalItems":
        if (typeof value !== "boolean") checkSchema(value, depth + 1);
        break;
      case "$ref":
        if (typeof value !== "string") throw new SchemaError("$ref has to be text");
        break;
    }
  }
}

function compile(pattern: unknown): RegExp {
  try {
    return new RegExp(String(pattern), "u");
  } catch {
    throw new SchemaError(`Invalid pattern ${JSON.stringify(pattern)}`);
  }
}

/** Finds the schema that a `$ref` with this name means: another model of the API. */
export type ResolveModel = (name: string) => unknown;

/** @returns undefined when the value fits, else what does not */
export function validate(value: unknown, schema: unknown, resolve: ResolveModel): string | undefined {
  return check(value, schema as Schema, schema as Schema, resolve, "", 0);
}

function check(
  value: any,
  schema: Schema,
  root: Schema,
  resolve: ResolveModel,
  at: string,
  depth: number,
): string | undefined {
  if (depth > DEPTH_MAX) return `${at || "/"} is nested too deeply`;
  const again = (inner: any, innerSchema: Schema, innerAt: string, innerRoot = root) =>
    check(inner, innerSchema, innerRoot, resolve, innerAt, depth + 1);
  if (typeof schema["$ref"] === "string") {
    const found = dereference(schema["$ref"], root, resolve);
    return found ? again(value, found.schema, at, found.root) : `${schema["$ref"]} cannot be resolved`;
  }
  if (value === null && schema["nullable"] === true) return undefined;
  const wrong = (detail: string) => `${at || "/"} ${detail}`;
  if (schema["type"] !== undefined && ![schema["type"]].flat().some((type) => isType(value, type))) {
    return wrong(`is not of type ${[schema["type"]].flat().join(" or ")}`);
  }
  if (schema["enum"] !== undefined && !schema["enum"].some((one: unknown) => same(one, value)))
    return wrong("is not one of the allowed values");
  if ("const" in schema && !same(schema["const"], value)) return wrong("is not the required value");
  if (typeof value === "number") {
    const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = schema;
    if (minimum !== undefined && (above === true ? value <= minimum : value < minimum))
      return wrong(`is less than ${minimum}`);
    if (maximum !== undefined && (below === true ? value >= maximum : value > maximum))
      return wrong(`is more than ${maximum}`);
    if (typeof above === "number" && value <= above) return wrong(`is not more than ${above}`);
    if (typeof below === "number" && value >= below) return wrong(`is not less than ${below}`);
    if (multipleOf !== undefined && !Number.isInteger(value / multipleOf))
      return wrong(`is no multiple of ${multipleOf}`);
  }
  if (typeof value === "string") {
    const length = [...value].length;
    if (schema["minLength"] !== undefined && length < schema["minLength"]) return wrong("is too short");
    if (schema["maxLength"] !== undefined && length > schema["maxLength"]) return wrong("is too long");
    if (schema["pattern"] !== undefined && !compile(schema["pattern"]).test(value))
      return wrong("does not match the pattern");
  }
  const inner = Array.isArray(value)
    ? checkArray(value, schema, again, at)
    : typeof value === "object" && value !== null
      ? checkObject(value, schema, again, at)
      : undefined;
  if (inner !== undefined) return inner;
  for (const one of schema["allOf"] ?? []) {
    const failed = again(value, one, at);
    if (failed !== undefined) return failed;
  }
  const fitting = (name: string) => schema[name].filter((one: Schema) => again(value, one, at) === undefined).length;
  if (schema["anyOf"] && fitting("anyOf") === 0) return wrong("fits none of the schemas");
  if (schema["oneOf"] && fitting("oneOf") !== 1) return wrong("does not fit exactly one of the schemas");
  if (schema["not"] && again(value, schema["not"], at) === undefined) return wrong("fits a schema that is excluded");
  return undefined;
}

type Again = (inner: any, schema: Schema, at: string) => string | undefined;

function checkArray(value: readonly unknown[], schema: Schema, again: Again, at: string): string | undefined {
  if (schema["minItems"] !== undefined && value.length < schema["minItems"]) return `${at || "/"} has too few items`;
  if (schema["maxItems"] !== undefined && value.length > schema["maxItems"]) return `${at || "/"} has too many items`;
  if (schema["uniqueItems"] === true) {
    const seen = new Set(value.map((item) => canonical(item)));
    if (seen.size < value.length) return `${at || "/"} has an item twice`;
  }
  const { items, additionalItems } = schema;
  for (const [index, item] of value.entries()) {
    const own = Array.isArray(items) ? (items[index] ?? additionalItems) : items;
    if (own === false) return `${at}/${index} is one item too many`;
    if (typeof own !== "object" || own === null) continue;
    const failed = again(item, own, `${at}/${index}`);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

function checkObject(
  value: Readonly<Record<string, unknown>>,
  schema: Schema,
  again: Again,
  at: string,
): string | undefined {
  const names = Object.keys(value);
  for (const name of schema["required"] ?? []) if (!Object.hasOwn(value, name)) return `${at}/${name} is missing`;
  if (schema["minProperties"] !== undefined && names.length < schema["minProperties"])
    return `${at || "/"} has too few members`;
  if (schema["maxProperties"] !== undefined && names.length > schema["maxProperties"])
    return `${at || "/"} has too many members`;
  for (const [name, needed] of Object.entries<any>(schema["dependencies"] ?? {})) {
    if (!Object.hasOwn(value, name)) continue;
    if (Array.isArray(needed)) {
      const missing = needed.find((one) => !Object.hasOwn(value, one));
      if (missing) return `${at}/${missing} is missing`;
    } else {
      const failed = again(value, needed, at);
      if (failed !== undefined) return failed;
    }
  }
  for (const name of names) {
    const schemas: Schema[] = [];
    if (Object.hasOwn(schema["properties"] ?? {}, name)) schemas.push(schema["properties"][name]);
    for (const [pattern, one] of Object.entries<Schema>(schema["patternProperties"] ?? {})) {
      if (compile(pattern).test(name)) schemas.push(one);
    }
    if (schemas.length === 0) {
      if (schema["additionalProperties"] === false) return `${at}/${name} is not allowed`;
      if (typeof schema["additionalProperties"] === "object") schemas.push(schema["additionalProperties"]);
    }
    for (const one of schemas) {
      const failed = again(value[name], one, `${at}/${name}`);
      if (failed !== undefined) return failed;
    }
  }
  return undefined;
}

/** `#/definitions/x` within the schema; `…/restapis/ID/models/NAME`, `#/components/schemas/NAME` and `#/definitions/NAME` for another model. */
function dereference(
  reference: string,
  root: Schema,
  resolve: ResolveModel,
): { schema: Schema; root: Schema } | undefined {
  if (reference === "#") return { schema: root, root };
  if (reference.startsWith("#/")) {
    let at: any = root;
    for (const step of reference.slice(2).split("/")) at = at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")];
    if (typeof at === "object" && at !== null) return { schema: at, root };
  }
  const name = /(?:\/restapis\/[^/]+\/models|^#\/components\/schemas|^#\/definitions|^#\/models)\/([^/#]+)$/.exec(
    reference,
  )?.[1];
  const found = name === undefined ? undefined : (resolve(name) as Schema | undefined);
  return found && { schema: found, root: found };
}

function isType(value: unknown, type: string): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function same(left: unknown, right: unknown): boolean {
  return left === right || canonical(left) === canonical(right);
}

/** JSON with sorted members, so that equal values are equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
