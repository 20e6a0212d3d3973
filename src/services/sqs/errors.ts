/** SQS's errors: code, status, text. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html and each operation's page */
import { AwsError } from "../../kernel/errors.ts";

export const queueDoesNotExist = () => new AwsError("QueueDoesNotExist", "The specified queue does not exist.");
export const accessDenied = () => new AwsError("AccessDenied", "Access to the resource is denied.", 403);
export const queueNameExists = (attribute: string) =>
  new AwsError(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
  );
export const missingParameter = (name: string) =>
  new AwsError("MissingParameter", `The request must contain the parameter ${name}.`);
export const invalidAddress = (url: string) =>
  new AwsError("InvalidAddress", `The address ${url} is not valid for this endpoint.`, 404);
export const invalidAttributeName = (name: string) =>
  new AwsError("InvalidAttributeName", `Unknown Attribute ${name}.`);
export const invalidAttributeValue = (name: string, reason?: string) =>
  new AwsError("InvalidAttributeValue", reason ?? `Invalid value for the parameter ${name}.`);
export const invalidParameter = (message: string) => new AwsError("InvalidParameterValue", message);
/** `Value 11 for parameter MaxNumberOfMessages is invalid. Reason: …` */
export const invalidValue = (value: unknown, name: string, reason: string) =>
  invalidParameter(`Value ${value} for parameter ${name} is invalid. Reason: ${reason}`);
export const invalidParameters = (reason: string) =>
  invalidParameter(`One or more parameters are invalid. Reason: ${reason}`);
export const invalidMessageContents = () =>
  new AwsError("InvalidMessageContents", "The message contains characters outside the allowed set.");
export const receiptHandleIsInvalid = (handle: string) =>
  new AwsError("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`, 404);
export const receiptHandleExpired = (handle: string) =>
  invalidValue(handle, "ReceiptHandle", "The receipt handle has expired.");
export const messageNotInflight = (handle: string) =>
  invalidValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.");
export const overLimit = () =>
  new AwsError("OverLimit", "Too many messages in flight: a queue holds at most 120000.", 403);
export const purgeQueueInProgress = (name: string) =>
  new AwsError("PurgeQueueInProgress", `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`, 403);
export const unsupportedOperation = (message: string) => new AwsError("UnsupportedOperation", message);
export const resourceNotFound = (message: string) => new AwsError("ResourceNotFoundException", message, 404);

// Batches
export const emptyBatch = (entry: string) =>
  new AwsError("EmptyBatchRequest", `There should be at least one ${entry} in the request.`);
export const tooManyEntries = (count: number) =>
  new AwsError("TooManyEntriesInBatchRequest", `Maximum number of entries per request are 10. You have sent ${count}.`);
export const invalidBatchEntryId = () =>
  new AwsError(
    "InvalidBatchEntryId",
    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
  );
export const batchEntryIdsNotDistinct = (id: string) => new AwsError("BatchEntryIdsNotDistinct", `Id ${id} repeated.`);
export const batchRequestTooLong = (bytes: number) =>
  new AwsError(
    "BatchRequestTooLong",
    `Batch requests cannot be longer than 1048576 bytes. You have sent ${bytes} bytes.`,
  );
