/** EventBridge's errors: code, status, text. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const validation = (message: string) => new AwsError("ValidationException", message);
export const busDoesNotExist = (name: string) =>
  new AwsError("ResourceNotFoundException", `Event bus ${name} does not exist.`);
export const busExists = (name: string) =>
  new AwsError("ResourceAlreadyExistsException", `Event bus ${name} already exists.`);
export const ruleDoesNotExist = (name: string, busName: string) =>
  new AwsError("ResourceNotFoundException", `Rule ${name} does not exist on EventBus ${busName}.`);
export const resourceNotFound = (message: string) => new AwsError("ResourceNotFoundException", message);
export const invalidEventPattern = (reason: string) =>
  new AwsError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${reason}`);
export const limitExceeded = () =>
  new AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.");
export const policyLengthExceeded = () =>
  new AwsError("PolicyLengthExceededException", "The policy is too long: an event bus's has at most 10240 characters.");
