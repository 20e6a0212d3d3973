/** Limits and checks of Parameter Store. @see https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html */
import { AwsError } from "../../kernel/errors.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { validation } from "./errors.ts";
import type { Tier } from "./state.ts";

export const LEVELS_MAX = 15;
export const VERSIONS_MAX = 100;
export const LABELS_PER_VERSION_MAX = 10;
export const TAGS_MAX = 50;
export const GET_MAX = 10;
export const STANDARD_CHARACTERS_MAX = 4096;
export const ADVANCED_CHARACTERS_MAX = 8192;

const NAME_RULES =
  'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_';

/** Of a parameter to be made. */
export function checkNewName(name: string): void {
  new Constraints().length("name", name, 1, 2048).check();
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(name) || name.includes("//") || (name.length > 1 && name.endsWith("/"))) {
    throw validation(NAME_RULES);
  }
  const first = name.replace(/^\//, "").split("/")[0]!;
  if (/^aws/i.test(first) && name.startsWith("/")) {
    throw new AwsError("AccessDeniedException", `No access to reserved parameter name: ${name}.`);
  }
  if (/^(aws|ssm)/i.test(first)) {
    throw validation(
      name.startsWith("/") ? NAME_RULES : 'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
    );
  }
  if (name.includes("/") && !name.startsWith("/")) throw validation("Parameter name must be a fully qualified name.");
  if (name.split("/").length - 1 > LEVELS_MAX) {
    throw new AwsError(
      "HierarchyLevelLimitExceededException",
      `A hierarchy can have a maximum of ${LEVELS_MAX} levels. For more information, see Requirements and constraints for parameter names in the AWS Systems Manager User Guide.`,
    );
  }
}

const GUIDE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html";

/**
 * The tier that a value is kept in: as asked for; by its size where that is left to Parameter Store; never less than before.
 * @throws ValidationException
 */
export function tierOf(asked: string | undefined, before: Tier | undefined, value: string): Tier {
  const wanted =
    asked === "Intelligent-Tiering"
      ? value.length > STANDARD_CHARACTERS_MAX || before === "Advanced"
        ? "Advanced"
        : "Standard"
      : ((asked as Tier | undefined) ?? before ?? "Standard");
  if (before === "Advanced" && wanted === "Standard") {
    throw validation(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
    );
  }
  if (wanted === "Standard" && value.length > STANDARD_CHARACTERS_MAX) {
    throw validation(
      `Standard tier parameters support a maximum parameter value of ${STANDARD_CHARACTERS_MAX} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see ${GUIDE}`,
    );
  }
  if (value.length > ADVANCED_CHARACTERS_MAX) {
    throw validation(
      `Advanced tier parameters support a maximum parameter value of ${ADVANCED_CHARACTERS_MAX} characters.`,
    );
  }
  return wanted;
}

/** @throws InvalidAllowedPatternException, ParameterPatternMismatchException */
export function checkAllowedPattern(pattern: string, value: string): void {
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${pattern})$`);
  } catch {
    throw new AwsError(
      "InvalidAllowedPatternException",
      `The request does not meet the regular expression requirement: ${pattern}`,
    );
  }
  if (!expression.test(value)) {
    throw new AwsError(
      "ParameterPatternMismatchException",
      `Parameter value, cannot be validated against allowedPattern: ${pattern}`,
    );
  }
}

type GivenTags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined;

export function tagsOf(tags: GivenTags): Record<string, string> {
  const found = new Constraints();
  for (const { Key, Value } of tags ?? []) {
    found.required("tags.member.key", Key).length("tags.member.key", Key, 1, 128);
    found.required("tags.member.value", Value).length("tags.member.value", Value, 0, 256);
  }
  found.check();
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key!, Value!]));
}

export const tooManyTags = () =>
  new AwsError("TooManyTagsError", `The number of tags is more than ${TAGS_MAX}, the most that a parameter has.`);
