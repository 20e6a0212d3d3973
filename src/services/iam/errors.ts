/** IAM's errors with AWS's codes, statuses and texts. @see https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const noSuchEntity = (message: string): AwsError => new AwsError("NoSuchEntity", message, 404);
export const entityAlreadyExists = (message: string): AwsError => new AwsError("EntityAlreadyExists", message, 409);
export const deleteConflict = (message: string): AwsError => new AwsError("DeleteConflict", message, 409);
export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceeded", message, 409);
export const invalidInput = (message: string): AwsError => new AwsError("InvalidInput", message);
export const validationError = (message: string): AwsError => new AwsError("ValidationError", message);

export const quotaExceeded = (quota: string, limit: number): AwsError =>
  limitExceeded(`Cannot exceed quota for ${quota}: ${limit}`);
export const noSuchPolicy = (policyArn: string): AwsError => noSuchEntity(`Policy ${policyArn} was not found.`);
