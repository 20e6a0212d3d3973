/** CloudWatch's errors: code, status, text. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html and each operation's page */
import { AwsError } from "../../kernel/errors.ts";

export const invalidValue = (message: string) => new AwsError("InvalidParameterValueException", message);
export const invalidCombination = (message: string) => new AwsError("InvalidParameterCombinationException", message);
export const missingParameter = (name: string) =>
  new AwsError("MissingRequiredParameterException", `The parameter ${name} is required.`);
export const validation = (message: string) => new AwsError("ValidationException", message);
export const invalidNextToken = () => new AwsError("InvalidNextToken", "Invalid token");
export const limitExceeded = (message: string) => new AwsError("LimitExceededFault", message);
/** SetAlarmState, DeleteAlarms and their like. */
export const alarmNotFound = (message: string) => new AwsError("ResourceNotFound", message, 404);
/** Tag operations. */
export const resourceNotFound = (message: string) => new AwsError("ResourceNotFoundException", message, 404);
export const invalidFormat = (message: string) => new AwsError("InvalidFormatFault", message);
export const dashboardNotFound = (name: string) =>
  new AwsError("DashboardNotFoundError", `Dashboard ${name} does not exist`, 404);
export const dashboardsNotFound = (names: readonly string[]) =>
  new AwsError("DashboardNotFoundError", `The following dashboards were not found: ${names.join(", ")}`, 404);
export const invalidDashboard = (reason: string) =>
  new AwsError("DashboardInvalidInputError", "The field DashboardBody must be a valid JSON object", 400, {
    dashboardValidationMessages: [{ DataPath: "/", Message: reason }],
  });
