/** Errors of DynamoDB with their exact texts. The texts of single checks are beside the checks that throw them. */
import { AwsError } from "../../kernel/errors.ts";

export const validation = (message: string): AwsError => new AwsError("ValidationException", message);

/** Most cross-field checks begin like this. */
export const invalidParameter = (detail: string): AwsError =>
  validation(`One or more parameter values were invalid: ${detail}`);

/** The newer wording, used for empty key values. */
export const notValidParameter = (detail: string): AwsError =>
  validation(`One or more parameter values are not valid. ${detail}`);

/** A key that lacks an attribute, has one too many, or has one of another type. */
export const keyDoesNotMatch = (): AwsError => validation("The provided key element does not match the schema");

/** What the data operations answer for an unknown table. */
export const resourceNotFound = (): AwsError =>
  new AwsError("ResourceNotFoundException", "Requested resource not found");

/** What the table operations answer. */
export const tableNotFound = (tableName: string): AwsError =>
  new AwsError("ResourceNotFoundException", `Requested resource not found: Table: ${tableName} not found`);

export const tableAlreadyExists = (tableName: string): AwsError =>
  new AwsError("ResourceInUseException", `Table already exists: ${tableName}`);

export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceededException", message);

export const accessDenied = (message: string): AwsError => new AwsError("AccessDeniedException", message);

/** @param item the item as it was, when ReturnValuesOnConditionCheckFailure asks for it */
export const conditionalCheckFailed = (item?: unknown): AwsError =>
  new AwsError(
    "ConditionalCheckFailedException",
    "The conditional request failed",
    400,
    item === undefined ? {} : { Item: item },
  );

export const idempotentParameterMismatch = (): AwsError =>
  new AwsError(
    "IdempotentParameterMismatchException",
    "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used.",
  );
