/** Limits of STS. @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
import { AwsError } from "../../kernel/errors.ts";

export const SESSION_SECONDS_MIN = 900;
export const SESSION_SECONDS_DEFAULT = 3600;
export const ASSUMED_SECONDS_MAX = 43_200;
/** Of a session whose caller is a session itself. */
export const CHAINED_SECONDS_MAX = 3600;
export const TOKEN_SECONDS_DEFAULT = 43_200;
export const TOKEN_SECONDS_MAX = 129_600;
export const ROOT_TOKEN_SECONDS_MAX = 3600;
export const SESSION_POLICIES_MAX = 10;
/** Characters of a session policy. */
export const SESSION_POLICY_MAX = 2048;

export const validationError = (message: string): AwsError => new AwsError("ValidationError", message);

const violated = (value: string | number | null, member: string, constraint: string) =>
  validationError(
    `1 validation error detected: Value ${value === null ? "null" : `'${value}'`} at '${member}' failed to satisfy constraint: ${constraint}`,
  );

/** @param member as AWS writes it: `roleSessionName` */
export function checkText(
  member: string,
  value: string | undefined,
  { min, max, pattern, shown }: { min: number; max: number; pattern: RegExp; shown: string },
): string {
  if (value === undefined) throw violated(null, member, "Member must not be null");
  if (!pattern.test(value)) throw violated(value, member, `Member must satisfy regular expression pattern: ${shown}`);
  if (value.length < min) throw violated(value, member, `Member must have length greater than or equal to ${min}`);
  if (value.length > max) throw violated(value, member, `Member must have length less than or equal to ${max}`);
  return value;
}

export function checkSeconds(value: number | undefined, fallback: number, max: number): number {
  const seconds = value ?? fallback;
  if (seconds < SESSION_SECONDS_MIN) {
    throw violated(
      seconds,
      "durationSeconds",
      `Member must have value greater than or equal to ${SESSION_SECONDS_MIN}`,
    );
  }
  if (seconds > max) throw violated(seconds, "durationSeconds", `Member must have value less than or equal to ${max}`);
  return seconds;
}
