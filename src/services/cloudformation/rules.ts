/** Limits and input checks, in CloudFormation's order and words. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
import { notImplemented } from "../../kernel/errors.ts";
import { validationError } from "./errors.ts";

export const TEMPLATE_BODY_BYTES_MAX = 51_200;
/** Of a template read from S3: 1 MB. */
export const TEMPLATE_URL_BYTES_MAX = 1_000_000;
const STACK_NAME_LENGTH_MAX = 128;
const TAGS_MAX = 50;
const NAME_PATTERN = "[a-zA-Z][-a-zA-Z0-9]*";

const violated = (value: string, member: string, constraint: string) =>
  validationError(
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: ${constraint}`,
  );

export function checkName(name: string | undefined, member: "stackName" | "changeSetName"): asserts name is string {
  if (name === undefined) {
    throw validationError(
      `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`,
    );
  }
  if (name.length > STACK_NAME_LENGTH_MAX) {
    throw violated(name, member, `Member must have length less than or equal to ${STACK_NAME_LENGTH_MAX}`);
  }
  if (!/^[a-zA-Z][-a-zA-Z0-9]*$/.test(name)) {
    throw violated(name, member, `Member must satisfy regular expression pattern: ${NAME_PATTERN}`);
  }
}

export function checkTemplateBody(body: string): void {
  if (body.length === 0) throw violated(body, "templateBody", "Member must have length greater than or equal to 1");
  if (Buffer.byteLength(body) > TEMPLATE_BODY_BYTES_MAX) {
    throw violated(body, "templateBody", `Member must have length less than or equal to ${TEMPLATE_BODY_BYTES_MAX}`);
  }
}

/** @returns tags by key */
export function readTags(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { Key, Value } of tags ?? []) {
    if (!Key) throw validationError("Tag key must not be empty");
    if (Key.startsWith("aws:")) throw validationError("aws: prefixed tag key names are not allowed for external use.");
    if (Object.hasOwn(result, Key))
      throw validationError(`Duplicate tag keys found. Please note that Tag keys are case sensitive: ${Key}`);
    result[Key] = Value ?? "";
  }
  if (Object.keys(result).length > TAGS_MAX) throw validationError(`Number of tags exceeds the limit of ${TAGS_MAX}`);
  return result;
}

/** Members that may be given empty, as some tools do, and are refused when they ask for something. */
export function refuseMembers(operation: string, input: object, names: readonly string[]): void {
  for (const name of names) {
    const value = (input as Record<string, unknown>)[name];
    const empty =
      value === undefined ||
      value === null ||
      value === false ||
      value === "" ||
      (typeof value === "object" &&
        Object.values(value).every((member) => member === undefined || (Array.isArray(member) && member.length === 0)));
    if (!empty) throw notImplemented(`${name} of cloudformation:${operation}`);
  }
}

/** One page of a list that is in memory; tokens name the last item that was given. */
export function page<T>(
  all: readonly T[],
  size: number,
  token: string | undefined,
  idOf: (item: T) => string,
): { readonly items: T[]; readonly nextToken: string | undefined } {
  let start = 0;
  if (token !== undefined) {
    const last = Buffer.from(token, "base64url").toString("utf8");
    start = all.findIndex((item) => idOf(item) === last) + 1;
    if (start === 0) throw validationError("The specified NextToken is not valid.");
  }
  const items = all.slice(start, start + size);
  const more = start + size < all.length;
  return { items, nextToken: more ? Buffer.from(idOf(items.at(-1)!), "utf8").toString("base64url") : undefined };
}
