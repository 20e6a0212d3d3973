/** Errors of Application Auto Scaling. @see https://docs.aws.amazon.com/autoscaling/application/APIReference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";
import type { TargetId } from "./state.ts";

export const validation = (message: string): AwsError => new AwsError("ValidationException", message);

const objectNotFound = (message: string): AwsError => new AwsError("ObjectNotFoundException", message);

const described = ({ namespace, resourceId, dimension }: TargetId): string =>
  `service namespace: ${namespace}, resource ID: ${resourceId}, scalable dimension: ${dimension}`;

export const targetNotFound = (id: TargetId): AwsError =>
  objectNotFound(`No scalable target registered for ${described(id)}`);

export const policyNotFound = (id: TargetId, name: string): AwsError =>
  objectNotFound(`No scaling policy found for ${described(id)}, policy name: ${name}`);

export const actionNotFound = (id: TargetId, name: string): AwsError =>
  objectNotFound(`No scheduled action found for ${described(id)}, scheduled action name: ${name}`);

export const resourceNotFound = (arn: string): AwsError =>
  new AwsError("ResourceNotFoundException", `The specified resource doesn't exist: ${arn}`, 400, {
    ResourceName: arn,
  });

export const tooManyTags = (arn: string): AwsError =>
  new AwsError("TooManyTagsException", "A scalable target can have at most 50 tags.", 400, { ResourceName: arn });

export const invalidNextToken = (): AwsError =>
  new AwsError("InvalidNextTokenException", "The next token supplied was invalid.");
