/** Errors of API Gateway v2, with AWS's texts. @see https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/ */
import { AwsError } from "../../kernel/errors.ts";

export const badRequest = (message: string): AwsError => new AwsError("BadRequestException", message, 400);
export const conflict = (message: string): AwsError => new AwsError("ConflictException", message, 409);
export const notFound = (resourceType: string, message: string): AwsError =>
  new AwsError("NotFoundException", message, 404, { ResourceType: resourceType });

export const apiNotFound = (accountId: string, apiId: string): AwsError =>
  notFound("Api", `Invalid API identifier specified ${accountId}:${apiId}`);
export const partNotFound = (noun: "Authorizer" | "Deployment" | "Integration" | "Route", id: string): AwsError =>
  notFound(noun, `Invalid ${noun} identifier specified ${id}`);
export const stageNotFound = (): AwsError => notFound("Stage", "Invalid stage identifier specified");
