/** Errors of DynamoDB Streams. */
import { AwsError } from "../../kernel/errors.ts";

export const validation = (message: string): AwsError => new AwsError("ValidationException", message);

export const streamNotFound = (arn: string): AwsError =>
  new AwsError("ResourceNotFoundException", `Requested resource not found: Stream: ${arn} not found`);

export const shardNotFound = (): AwsError =>
  new AwsError("ResourceNotFoundException", "Requested resource not found: Shard does not exist");

export const trimmedDataAccess = (): AwsError =>
  new AwsError(
    "TrimmedDataAccessException",
    "The operation attempted to read past the oldest stream record in a shard.",
  );

export const expiredIterator = (): AwsError =>
  new AwsError(
    "ExpiredIteratorException",
    "The shard iterator has expired and can no longer be used to retrieve stream records.",
  );
