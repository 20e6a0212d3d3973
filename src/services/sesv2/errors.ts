/** Errors of the SES API v2. @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const badRequest = (message: string): AwsError => new AwsError("BadRequestException", message);
export const notFound = (message: string): AwsError => new AwsError("NotFoundException", message, 404);
export const alreadyExists = (message: string): AwsError => new AwsError("AlreadyExistsException", message);
export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceededException", message);
export const templateDoesNotExist = (name: string): AwsError => notFound(`Template ${name} does not exist`);
