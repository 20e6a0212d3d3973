/**
 * What a table and its indexes may look like, in DynamoDB's order of precedence.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
 */
import { notImplemented } from "../../../kernel/errors.ts";
import { type Constraints, indexNameConstraint, printedStructure } from "../../dynamodb-common/constraints.ts";
import type { InputOf } from "../../service.ts";
import { invalidParameter, validation } from "../errors.ts";

export type CreateInput = InputOf<"dynamodb", "CreateTable">;
export type GlobalIndex = NonNullable<CreateInput["GlobalSecondaryIndexes"]>[number];
export type LocalIndex = NonNullable<CreateInput["LocalSecondaryIndexes"]>[number];
export type ThroughputInput = CreateInput["ProvisionedThroughput"];
type KeySchema = CreateInput["KeySchema"];
type Definitions = CreateInput["AttributeDefinitions"];

const UNITS_MAX = 1_000_000_000_000;
export const LOCAL_INDEXES_MAX = 5;
export const GLOBAL_INDEXES_MAX = 20;
const KEY_ATTRIBUTES_MAX = 2;

export function definitionConstraints(constraints: Constraints, definitions: Definitions): void {
  for (const [at, { AttributeName, AttributeType }] of (definitions ?? []).entries()) {
    const path = `attributeDefinitions.${at + 1}.member`;
    constraints.notNull(`${path}.attributeName`, AttributeName);
    constraints.length(`${path}.attributeName`, AttributeName, 1, 255);
    constraints.notNull(`${path}.attributeType`, AttributeType);
    constraints.oneOf(`${path}.attributeType`, AttributeType, ["B", "N", "S"]);
  }
}

export function throughputConstraints(constraints: Constraints, path: string, throughput: ThroughputInput): void {
  if (!throughput) return;
  for (const unit of ["WriteCapacityUnits", "ReadCapacityUnits"] as const) {
    const member = `${path}.${unit[0]!.toLowerCase()}${unit.slice(1)}`;
    constraints.notNull(member, throughput[unit]);
    constraints.atLeast(member, throughput[unit], 1);
  }
}

/** @param mostElements AWS takes up to eight in global indexes since 2025; more than two are refused by name in {@link checkKeySchema} */
export function keySchemaConstraints(
  constraints: Constraints,
  path: string,
  schema: KeySchema,
  mostElements = KEY_ATTRIBUTES_MAX,
): void {
  constraints.notNull(path, schema);
  constraints.length(
    path,
    schema,
    1,
    mostElements,
    () =>
      `[${schema!
        .map(({ AttributeName, KeyType }) =>
          printedStructure("KeySchemaElement", { attributeName: AttributeName, keyType: KeyType }),
        )
        .join(", ")}]`,
  );
  for (const [at, { AttributeName, KeyType }] of (schema ?? []).entries()) {
    const member = `${path}.${at + 1}.member`;
    constraints.notNull(`${member}.attributeName`, AttributeName);
    constraints.length(`${member}.attributeName`, AttributeName, 1, 255);
    constraints.notNull(`${member}.keyType`, KeyType);
    constraints.oneOf(`${member}.keyType`, KeyType, ["HASH", "RANGE"]);
  }
}

const GLOBAL_KEY_ATTRIBUTES_MAX = 8;

export function indexConstraints(
  constraints: Constraints,
  path: string,
  index: GlobalIndex | LocalIndex,
  local: boolean,
): void {
  constraints.notNull(`${path}.projection`, index.Projection);
  constraints.oneOf(`${path}.projection.projectionType`, index.Projection?.ProjectionType, [
    "ALL",
    "INCLUDE",
    "KEYS_ONLY",
  ]);
  constraints.length(`${path}.projection.nonKeyAttributes`, index.Projection?.NonKeyAttributes, 1, 20);
  constraints.notNull(`${path}.indexName`, index.IndexName);
  indexNameConstraint(constraints, `${path}.indexName`, index.IndexName);
  if (!local) {
    throughputConstraints(constraints, `${path}.provisionedThroughput`, (index as GlobalIndex).ProvisionedThroughput);
  }
  keySchemaConstraints(
    constraints,
    `${path}.keySchema`,
    index.KeySchema,
    local ? KEY_ATTRIBUTES_MAX : GLOBAL_KEY_ATTRIBUTES_MAX,
  );
}

/** Throughput must be given for provisioned tables, and only for those. @throws ValidationException */
export function checkBilling(mode: string | undefined, throughput: ThroughputInput): void {
  if (mode === "PAY_PER_REQUEST") {
    if (throughput) {
      throw invalidParameter(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
      );
    }
    return;
  }
  if (!throughput) {
    throw invalidParameter(
      "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
    );
  }
  checkUnits(throughput, "");
}

/** @param suffix names the index, if it is one's @throws ValidationException for units beyond any table */
export function checkUnits(throughput: ThroughputInput, suffix: string): void {
  for (const unit of ["ReadCapacityUnits", "WriteCapacityUnits"] as const) {
    const given = throughput?.[unit];
    if (given !== undefined && given > UNITS_MAX) {
      throw validation(`Given value ${given} for ${unit} is out of bounds${suffix}`);
    }
  }
}

/** Checks everything that needs no other table. @throws ValidationException */
export function checkTable(input: CreateInput): void {
  checkBilling(input.BillingMode, input.ProvisionedThroughput);
  const definitions = (input.AttributeDefinitions ?? []).map(({ AttributeName }) => AttributeName!);
  const keys = (input.KeySchema ?? []).map(({ AttributeName }) => AttributeName!);
  if (keys.length === 2) {
    // AWS counts one definition too few for two equal keys.
    if (keys.some((name) => !definitions.includes(name)) || (keys[0] === keys[1] && definitions.length === 1)) {
      throw validation("Invalid KeySchema: Some index key attribute have no definition");
    }
  } else {
    checkDefined(keys, definitions);
  }
  const duplicate = definitions.find((name, at) => definitions.indexOf(name) !== at);
  if (duplicate !== undefined) throw validation(`Attribute Name is duplicated: ${duplicate}`);
  checkKeySchema(input.KeySchema);
  const { LocalSecondaryIndexes: locals, GlobalSecondaryIndexes: globals } = input;
  if (!locals && !globals && keys.length !== definitions.length) {
    throw invalidParameter(
      "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
    );
  }
  const names = new Set<string>();
  if (locals) checkLocalIndexes(locals, keys, definitions, names);
  if (globals) checkGlobalIndexes(globals, definitions, names, input.BillingMode);
  const used = new Set(
    [input, ...(locals ?? []), ...(globals ?? [])].flatMap(({ KeySchema }) =>
      (KeySchema ?? []).map(({ AttributeName }) => AttributeName!),
    ),
  );
  if (definitions.some((name) => !used.has(name))) {
    throw invalidParameter(
      `Some AttributeDefinitions are not used. AttributeDefinitions: [${definitions.join(", ")}], keys used: [${[...used].join(", ")}]`,
    );
  }
}

/** @throws ValidationException for key attributes without a definition */
export function checkDefined(keys: readonly string[], definitions: readonly string[]): void {
  if (keys.every((name) => definitions.includes(name))) return;
  throw invalidParameter(
    "Some index key attributes are not defined in AttributeDefinitions. " +
      `Keys: [${keys.join(", ")}], AttributeDefinitions: [${definitions.join(", ")}]`,
  );
}

/** A partition key, then perhaps a sort key. @throws ValidationException */
export function checkKeySchema(schema: KeySchema): void {
  const [first, second, ...more] = schema ?? [];
  if (more.length > 0) throw notImplemented("global secondary indexes whose key has more than two attributes");
  if (first?.AttributeName === second?.AttributeName) {
    throw validation("Both the Hash Key and the Range Key element in the KeySchema have the same name");
  }
  if (first?.KeyType !== "HASH") {
    throw validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  if (second?.KeyType === "HASH") {
    throw validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
  }
}

function checkLocalIndexes(
  indexes: readonly LocalIndex[],
  tableKeys: readonly string[],
  definitions: readonly string[],
  names: Set<string>,
): void {
  if (indexes.length === 0) throw invalidParameter("List of LocalSecondaryIndexes is empty");
  if (tableKeys.length !== 2) {
    throw invalidParameter(
      "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
    );
  }
  for (const index of indexes) {
    const keys = checkIndexKeys(index, definitions);
    if (keys.length !== 2) {
      throw invalidParameter(`Index KeySchema does not have a range key for index: ${index.IndexName}`);
    }
    if (keys[0] !== tableKeys[0]) {
      throw invalidParameter(
        "Index KeySchema does not have the same leading hash key as table KeySchema for index: " +
          `${index.IndexName}. index hash key: ${keys[0]}, table hash key: ${tableKeys[0]}`,
      );
    }
    checkProjection(index.Projection);
    checkNewName(index.IndexName!, names);
  }
  if (indexes.length > LOCAL_INDEXES_MAX) {
    throw invalidParameter(`Number of LocalSecondaryIndexes exceeds per-table limit of ${LOCAL_INDEXES_MAX}`);
  }
}

function checkGlobalIndexes(
  indexes: readonly GlobalIndex[],
  definitions: readonly string[],
  names: Set<string>,
  billing: string | undefined,
): void {
  if (indexes.length === 0) throw invalidParameter("List of GlobalSecondaryIndexes is empty");
  for (const index of indexes) {
    checkGlobalIndex(index, definitions);
    if (billing === "PAY_PER_REQUEST" && index.ProvisionedThroughput) {
      throw invalidParameter(
        `ProvisionedThroughput should not be specified for index: ${index.IndexName} when BillingMode is PAY_PER_REQUEST`,
      );
    }
    if (billing !== "PAY_PER_REQUEST" && !index.ProvisionedThroughput) {
      throw invalidParameter(`ProvisionedThroughput is not specified for index: ${index.IndexName}`);
    }
    checkUnits(index.ProvisionedThroughput, ` for index ${index.IndexName}`);
    checkNewName(index.IndexName!, names);
  }
  if (indexes.length > GLOBAL_INDEXES_MAX) {
    throw invalidParameter(`GlobalSecondaryIndex count exceeds the per-table limit of ${GLOBAL_INDEXES_MAX}`);
  }
}

/** Key and projection of one global index. @throws ValidationException */
export function checkGlobalIndex(index: GlobalIndex, definitions: readonly string[]): void {
  checkIndexKeys(index, definitions);
  checkProjection(index.Projection);
}

function checkIndexKeys(index: GlobalIndex | LocalIndex, definitions: readonly string[]): string[] {
  const keys = index.KeySchema!.map(({ AttributeName }) => AttributeName!);
  checkDefined(keys, definitions);
  checkKeySchema(index.KeySchema);
  return keys;
}

function checkProjection(projection: GlobalIndex["Projection"]): void {
  const type = projection?.ProjectionType;
  if (type === undefined) throw invalidParameter("Unknown ProjectionType: null");
  const attributes = projection?.NonKeyAttributes;
  if (attributes && type !== "INCLUDE") {
    throw invalidParameter(`ProjectionType is ${type}, but NonKeyAttributes is specified`);
  }
  if (type !== "INCLUDE") return;
  if (!attributes) throw invalidParameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
  const duplicate = attributes.find((name, at) => attributes.indexOf(name) !== at);
  if (duplicate !== undefined) {
    throw invalidParameter(`Duplicate element in NonKeyAttributes: ${duplicate}`);
  }
}

function checkNewName(name: string, names: Set<string>): void {
  if (names.has(name)) throw invalidParameter(`Duplicate index name: ${name}`);
  names.add(name);
}
