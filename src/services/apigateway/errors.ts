/** Errors of API Gateway, with AWS's texts. @see https://docs.aws.amazon.com/apigateway/latest/api/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const badRequest = (message: string): AwsError => new AwsError("BadRequestException", message, 400);
export const conflict = (message: string): AwsError => new AwsError("ConflictException", message, 409);
export const notFound = (message: string): AwsError => new AwsError("NotFoundException", message, 404);
export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceededException", message, 429);

export const apiNotFound = (accountId: string, apiId: string): AwsError =>
  notFound(`Invalid API identifier specified ${accountId}:${apiId}`);
export const resourceNotFound = (): AwsError => notFound("Invalid Resource identifier specified");
export const methodNotFound = (): AwsError => notFound("Invalid Method identifier specified");
export const integrationNotFound = (): AwsError => notFound("Invalid Integration identifier specified");
export const responseNotFound = (): AwsError => notFound("Invalid Response status code specified");
export const stageNotFound = (): AwsError => notFound("Invalid stage identifier specified");
export const deploymentNotFound = (): AwsError => notFound("Invalid Deployment identifier specified");
export const authorizerNotFound = (): AwsError => notFound("Invalid Authorizer identifier specified");
export const modelNotFound = (name: string): AwsError => notFound(`Invalid model name specified: ${name}`);
export const validatorNotFound = (): AwsError => notFound("Invalid Request Validator identifier specified");
export const apiKeyNotFound = (): AwsError => notFound("Invalid API Key identifier specified");
export const usagePlanNotFound = (): AwsError => notFound("Invalid Usage Plan ID specified");

/** @param detail as AWS lists it between the brackets */
export const invalidMapping = (detail: string): AwsError =>
  badRequest(`Invalid mapping expression specified: Validation Result: warnings : [], errors : [${detail}]`);
