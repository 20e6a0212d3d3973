/** CloudFormation's errors: code, status and exact text. */
import { AwsError } from "../../kernel/errors.ts";

/** The error that nearly everything ends in. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html */
export const validationError = (message: string): AwsError => new AwsError("ValidationError", message);

export const formatError = (message: string): AwsError => validationError(`Template format error: ${message}`);

export const templateError = (message: string): AwsError => validationError(`Template error: ${message}`);

export const stackDoesNotExist = (name: string): AwsError => validationError(`Stack with id ${name} does not exist`);

/** What operations other than DescribeStacks say of a missing stack. */
export const stackNotFound = (name: string): AwsError => validationError(`Stack [${name}] does not exist`);

export const resourceDoesNotExist = (logicalId: string, stackName: string): AwsError =>
  validationError(`Resource ${logicalId} does not exist for stack ${stackName}`);

export const stackAlreadyExists = (name: string): AwsError =>
  new AwsError("AlreadyExistsException", `Stack [${name}] already exists`);

export const changeSetAlreadyExists = (name: string, stackName: string): AwsError =>
  new AwsError(
    "AlreadyExistsException",
    `ChangeSet ${name} cannot be created due to a mismatch with existing attribute Name for stack ${stackName}`,
  );

export const changeSetNotFound = (name: string): AwsError =>
  new AwsError("ChangeSetNotFound", `ChangeSet [${name}] does not exist`, 404);

export const invalidChangeSetStatus = (id: string, status: string, reason: string): AwsError =>
  new AwsError(
    "InvalidChangeSetStatus",
    `ChangeSet [${id}] cannot be executed in its current status of [${status}]${reason ? `: ${reason}` : ""}`,
  );

export const insufficientCapabilities = (capabilities: readonly string[]): AwsError =>
  new AwsError("InsufficientCapabilitiesException", `Requires capabilities : [${capabilities.join(", ")}]`);

export const tokenAlreadyExists = (token: string): AwsError =>
  new AwsError("TokenAlreadyExistsException", `Token ${token} already exists`);
