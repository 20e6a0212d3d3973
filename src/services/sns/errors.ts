/** SNS's errors: code, status, text. @see https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html and each operation's page */
import { AwsError } from "../../kernel/errors.ts";

export const invalidParameter = (message: string) =>
  new AwsError("InvalidParameterException", `Invalid parameter: ${message}`);
/** What is wrong with a message's attributes has a code of its own. */
export const invalidParameterValue = (message: string) => new AwsError("InvalidParameterValueException", message);
export const topicNotFound = () => new AwsError("NotFoundException", "Topic does not exist", 404);
export const subscriptionNotFound = () => new AwsError("NotFoundException", "Subscription does not exist", 404);
export const resourceNotFound = () => new AwsError("ResourceNotFoundException", "Resource does not exist", 404);
export const notAuthorized = (message: string) => new AwsError("AuthorizationErrorException", message, 403);
export const tagLimitExceeded = () =>
  new AwsError("TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded");

// Batches
export const emptyBatch = () =>
  new AwsError("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
export const tooManyEntries = () =>
  new AwsError(
    "TooManyEntriesInBatchRequestException",
    "The batch request contains more entries than permissible (more than 10).",
  );
export const invalidBatchEntryId = () =>
  new AwsError(
    "InvalidBatchEntryIdException",
    "The Id of a batch entry in a batch request doesn't abide by the specification.",
  );
export const batchEntryIdsNotDistinct = () =>
  new AwsError("BatchEntryIdsNotDistinctException", "Two or more batch entries in the request have the same Id.");
export const batchRequestTooLong = () =>
  new AwsError(
    "BatchRequestTooLongException",
    "The length of all the batch messages put together is more than the limit.",
  );
