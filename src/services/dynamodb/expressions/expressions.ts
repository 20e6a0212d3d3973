/** All expressions of one request, read together: they share placeholders, and every placeholder must be used by one of them. */
import { validation } from "../errors.ts";
import type { AttributeMap } from "../values/attribute-value.ts";
import { type Condition, parseCondition } from "./condition.ts";
import { type KeyCondition, keyConditions } from "./key-condition.ts";
import type { Path } from "./paths.ts";
import { createPlaceholders } from "./placeholders.ts";
import { parseProjection } from "./projection.ts";
import { parseUpdate, type Update } from "./update.ts";

export interface ExpressionInput {
  readonly UpdateExpression?: string | undefined;
  readonly ConditionExpression?: string | undefined;
  readonly KeyConditionExpression?: string | undefined;
  readonly FilterExpression?: string | undefined;
  readonly ProjectionExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: AttributeMap | undefined;
}

export interface Expressions {
  readonly update?: Update;
  readonly condition?: Condition;
  readonly keyConditions?: ReadonlyMap<string, KeyCondition>;
  readonly filter?: Condition;
  readonly projection?: readonly Path[];
}

type Parameter = Exclude<keyof ExpressionInput, "ExpressionAttributeNames" | "ExpressionAttributeValues">;

const NONE: Expressions = {};

/**
 * Refuses expressions mixed with the parameters they replaced, and placeholders without an expression.
 * @param allowed the expressions that the operation takes, in the order in which AWS lists them
 * @param legacy the parameters they replaced
 */
export function checkExpressionParameters(
  input: ExpressionInput & object,
  allowed: readonly Parameter[],
  legacy: readonly string[],
): void {
  const given = allowed.filter((parameter) => input[parameter] !== undefined);
  if (given.length > 0) {
    const all = input as Record<string, unknown>;
    const mixed = legacy.filter((parameter) => all[parameter] !== undefined);
    if (mixed.length > 0) {
      throw validation(
        "Can not use both expression and non-expression parameters in the same request: " +
          `Non-expression parameters: {${mixed.join(", ")}} Expression parameters: {${given.join(", ")}}`,
      );
    }
  } else if (input.ExpressionAttributeNames !== undefined) {
    throw validation("ExpressionAttributeNames can only be specified when using expressions");
  }
  if (input.ExpressionAttributeValues === undefined) return;
  const taking = allowed.filter((parameter) => parameter !== "ProjectionExpression");
  if (taking.length > 0 && taking.every((parameter) => input[parameter] === undefined)) {
    throw validation(
      "ExpressionAttributeValues can only be specified when using expressions: " +
        `${taking.join(" and ")} ${taking.length > 1 ? "are" : "is"} null`,
    );
  }
}

/** @throws ValidationException for the first thing that is wrong, in AWS's order */
export function parseExpressions(input: ExpressionInput): Expressions {
  if (
    input.UpdateExpression === undefined &&
    input.ConditionExpression === undefined &&
    input.KeyConditionExpression === undefined &&
    input.FilterExpression === undefined &&
    input.ProjectionExpression === undefined
  ) {
    return NONE;
  }
  const placeholders = createPlaceholders(input.ExpressionAttributeNames, input.ExpressionAttributeValues);
  const condition = (parameter: "ConditionExpression" | "KeyConditionExpression" | "FilterExpression") =>
    input[parameter] === undefined ? undefined : parseCondition(parameter, input[parameter], placeholders);

  const update = input.UpdateExpression === undefined ? undefined : parseUpdate(input.UpdateExpression, placeholders);
  const checked = condition("ConditionExpression");
  const keyed = condition("KeyConditionExpression");
  const filter = condition("FilterExpression");
  const projection =
    input.ProjectionExpression === undefined ? undefined : parseProjection(input.ProjectionExpression, placeholders);
  placeholders.checkAllUsed();
  return {
    ...(update && { update }),
    ...(checked && { condition: checked }),
    ...(keyed && { keyConditions: keyConditions(keyed) }),
    ...(filter && { filter }),
    ...(projection && { projection }),
  };
}
