/** Parameter Store's errors: code and text. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html */
import { AwsError } from "../../kernel/errors.ts";

export const validation = (message: string) => new AwsError("ValidationException", message);
/** AWS says no more than that. */
export const parameterNotFound = () => new AwsError("ParameterNotFound", "");
export const parameterVersionNotFound = (version: number | string, name: string) =>
  new AwsError(
    "ParameterVersionNotFound",
    `Systems Manager could not find version ${version} of ${name}. Verify the version and try again.`,
  );
export const labelNotFound = (label: string, name: string) =>
  new AwsError(
    "ParameterVersionNotFound",
    `Systems Manager could not find the label ${label} of ${name}. Verify the label and try again.`,
  );
export const parameterAlreadyExists = () =>
  new AwsError(
    "ParameterAlreadyExists",
    "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
  );
export const hierarchyTypeMismatch = () =>
  new AwsError(
    "HierarchyTypeMismatchException",
    "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
  );
export const invalidResource = (code: "InvalidResourceId" | "InvalidResourceType") => new AwsError(code, "");
