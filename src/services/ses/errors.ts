/** Errors of the SES API of 2010-12-01. @see https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const invalidParameterValue = (message: string): AwsError => new AwsError("InvalidParameterValue", message);
export const invalidTemplate = (message: string): AwsError => new AwsError("InvalidTemplate", message);
export const alreadyExists = (message: string): AwsError => new AwsError("AlreadyExists", message);
export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceeded", message);
export const templateDoesNotExist = (name: string): AwsError =>
  new AwsError("TemplateDoesNotExist", `Template ${name} does not exist`);
export const missingRenderingAttribute = (message: string): AwsError =>
  new AwsError("MissingRenderingAttribute", message);
export const invalidRenderingParameter = (): AwsError =>
  new AwsError("InvalidRenderingParameter", "Template rendering data is invalid");
