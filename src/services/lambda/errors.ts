/** Lambda's errors: code, HTTP status and exact text. Every one carries `Type`, as AWS's do. */
import { AwsError } from "../../kernel/errors.ts";

const user = { Type: "User" } as const;

/** @see https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html */
export const validation = (message: string): AwsError => new AwsError("ValidationException", message, 400);

export const invalidParameterValue = (message: string): AwsError =>
  new AwsError("InvalidParameterValueException", message, 400, user);

export const resourceNotFound = (message: string): AwsError =>
  new AwsError("ResourceNotFoundException", message, 404, user);

export const resourceConflict = (message: string): AwsError =>
  new AwsError("ResourceConflictException", message, 409, user);

export const resourceInUse = (message: string): AwsError => new AwsError("ResourceInUseException", message, 400, user);

export const preconditionFailed = (message: string): AwsError =>
  new AwsError("PreconditionFailedException", message, 412, user);

export const requestTooLarge = (message: string): AwsError =>
  new AwsError("RequestEntityTooLargeException", message, 413, user);

export const invalidRequestContent = (message: string): AwsError =>
  new AwsError("InvalidRequestContentException", message, 400, user);

export const policyLengthExceeded = (): AwsError =>
  new AwsError("PolicyLengthExceededException", "The final policy size is bigger than the limit (20480).", 400, user);

export const accessDenied = (message: string): AwsError => new AwsError("AccessDeniedException", message, 403);

export const functionNotFound = (arn: string): AwsError => resourceNotFound(`Function not found: ${arn}`);

export const aliasNotFound = (arn: string): AwsError => resourceNotFound(`Cannot find alias arn: ${arn}`);

export const provisionedConfigNotFound = (): AwsError =>
  new AwsError(
    "ProvisionedConcurrencyConfigNotFoundException",
    "No Provisioned Concurrency Config found for this function",
    404,
    user,
  );

export const resourceDoesNotExist = (): AwsError => resourceNotFound("The resource you requested does not exist.");

export const revisionMismatch = (): AwsError =>
  preconditionFailed(
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
  );

/** @param reason as the host reports it */
export const tooManyRequests = (reason: string): AwsError =>
  new AwsError("TooManyRequestsException", "Rate Exceeded.", 429, { ...user, Reason: reason });

/** A runtime that this machine has lost since the function was created. */
export const invalidRuntime = (message: string): AwsError =>
  new AwsError("InvalidRuntimeException", message, 502, user);
