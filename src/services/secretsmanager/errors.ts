/** Secrets Manager's errors: code and text. @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const invalidParameter = (message: string) => new AwsError("InvalidParameterException", message);
export const invalidRequest = (message: string) => new AwsError("InvalidRequestException", message);
export const secretNotFound = () =>
  new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
/** @param what `staging label: AWSCURRENT`, `VersionId: …` */
export const valueNotFound = (what: string) =>
  new AwsError("ResourceNotFoundException", `Secrets Manager can't find the specified secret value for ${what}`);
export const secretExists = (name: string) =>
  new AwsError("ResourceExistsException", `The operation failed because the secret ${name} already exists.`);
export const tokenInUse = (token: string, arn: string) =>
  new AwsError(
    "ResourceExistsException",
    `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${arn}.`,
  );
export const markedForDeletion = () =>
  invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
export const limitExceeded = (message: string) => new AwsError("LimitExceededException", message);
export const malformedPolicy = (message: string) => new AwsError("MalformedPolicyDocumentException", message);
