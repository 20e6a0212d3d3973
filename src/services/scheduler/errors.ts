/** The Scheduler's errors: code, status, text. @see https://docs.aws.amazon.com/scheduler/latest/APIReference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const validation = (message: string) => new AwsError("ValidationException", message);
export const scheduleDoesNotExist = (name: string) =>
  new AwsError("ResourceNotFoundException", `Schedule ${name} does not exist.`, 404);
export const groupDoesNotExist = (name: string) =>
  new AwsError("ResourceNotFoundException", `Schedule group ${name} does not exist.`, 404);
export const scheduleExists = (name: string) =>
  new AwsError("ConflictException", `Schedule ${name} already exists.`, 409);
export const groupExists = (name: string) =>
  new AwsError("ConflictException", `Schedule group ${name} already exists.`, 409);
export const groupIsDeleting = (name: string) =>
  new AwsError("ConflictException", `Schedule group ${name} is being deleted.`, 409);
export const quotaExceeded = (what: string) => new AwsError("ServiceQuotaExceededException", what, 402);
