/** The errors of CloudWatch Logs, with AWS's texts. */
import { AwsError } from "../../kernel/errors.ts";

export const invalidParameter = (message: string): AwsError => new AwsError("InvalidParameterException", message);

export const invalidFilterPattern = (): AwsError => invalidParameter("Invalid filter pattern");

export const logGroupNotFound = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log group does not exist.");

export const logStreamNotFound = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log stream does not exist.");

export const resourceNotFound = (message: string): AwsError => new AwsError("ResourceNotFoundException", message);

export const logGroupExists = (): AwsError =>
  new AwsError("ResourceAlreadyExistsException", "The specified log group already exists");

export const logStreamExists = (): AwsError =>
  new AwsError("ResourceAlreadyExistsException", "The specified log stream already exists");

export const tooManyTags = (resourceName: string): AwsError =>
  new AwsError("TooManyTagsException", "The resource has too many tags.", 400, { resourceName });

export const deletionProtected = (): AwsError =>
  new AwsError("ValidationException", "Log group can't be deleted because deletion protection is enabled.");
