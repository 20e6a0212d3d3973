/** PutParameter: a new parameter, or a new version of one. */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { seal } from "../sealed-common/seal.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { hierarchyTypeMismatch, parameterAlreadyExists, validation } from "./errors.ts";
import { tellChange } from "./events.ts";
import { modifierOf } from "./find.ts";
import { checkAllowedPattern, checkNewName, TAGS_MAX, tagsOf, tierOf, tooManyTags, VERSIONS_MAX } from "./rules.ts";
import {
  type Parameter,
  Parameters,
  type ParameterType,
  parameterKey,
  type Version,
  Versions,
  versionKey,
} from "./state.ts";

type Input = InputOf<"ssm", "PutParameter">;

/** The key that AWS makes for an account; there is no other here. */
const KEY_ID = "alias/aws/ssm";

/**
 * @throws ValidationException, AccessDeniedException, HierarchyLevelLimitExceededException, ParameterAlreadyExists,
 *   HierarchyTypeMismatchException, InvalidAllowedPatternException, ParameterPatternMismatchException, ParameterMaxVersionLimitExceeded
 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
export function putParameter(
  tx: Transaction,
  input: Input,
  context: OperationContext,
): OutputOf<"ssm", "PutParameter"> {
  const { name, value } = checkInput(input);
  const known = Parameters.get(tx, parameterKey(context, name));
  if (known && !input.Overwrite) throw parameterAlreadyExists();
  const type = (input.Type ?? known?.type) as ParameterType | undefined;
  if (type === undefined) throw validation("A parameter type is required when you create a parameter.");
  if (known && known.type !== type) throw hierarchyTypeMismatch();
  if (type !== "SecureString" && input.KeyId !== undefined) {
    throw validation("KeyId is for parameters of the type SecureString.");
  }
  const before = known && Versions.get(tx, versionKey(context, name, known.latestVersion));
  const tier = tierOf(input.Tier, known?.tier, value);
  const allowedPattern = input.AllowedPattern ?? before?.allowedPattern;
  if (allowedPattern) checkAllowedPattern(allowedPattern, value);
  const description = input.Description ?? before?.description;
  const version: Version = {
    version: (known?.latestVersion ?? 0) + 1,
    value: type === "SecureString" ? seal(tx, context, context.random, value) : value,
    ...(description === undefined ? {} : { description }),
    ...(allowedPattern === undefined ? {} : { allowedPattern }),
    ...(type === "SecureString" ? { keyId: KEY_ID } : {}),
    tier,
    modifiedMs: context.nowMs,
    modifiedBy: modifierOf(context),
  };
  if (known) makeRoom(tx, context, known);
  const tags = known?.tags ?? tagsOf(input.Tags);
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags();
  Versions.put(tx, versionKey(context, name, version.version), version);
  Parameters.put(tx, parameterKey(context, name), {
    name,
    type,
    tier,
    latestVersion: version.version,
    tags,
    labels: known?.labels ?? {},
  });
  tellChange(context, { name, type, operation: known ? "Update" : "Create" });
  return { Version: version.version, Tier: tier };
}

function checkInput(input: Input): { readonly name: string; readonly value: string } {
  const { Name: name, Value: value } = input;
  new Constraints()
    .required("name", name)
    .required("value", value)
    .length("value", value, 1, Number.MAX_SAFE_INTEGER)
    .length("description", input.Description, 0, 1024)
    .length("allowedPattern", input.AllowedPattern, 0, 1024)
    .oneOf("type", input.Type, ["SecureString", "StringList", "String"])
    .oneOf("tier", input.Tier, ["Advanced", "Intelligent-Tiering", "Standard"])
    .check();
  checkNewName(name!);
  if (input.Overwrite && input.Tags !== undefined && input.Tags.length > 0) {
    throw validation(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
    );
  }
  if (input.DataType !== undefined && input.DataType !== "text") {
    throw notImplemented(`parameters of the data type ${input.DataType}`);
  }
  if (input.KeyId !== undefined && input.KeyId !== KEY_ID) throw notImplemented(`the KMS key ${input.KeyId}`);
  return { name: name!, value: value! };
}

/** The oldest version goes when there are a hundred, unless it has a label. */
function makeRoom(tx: Transaction, context: OperationContext, { name, labels }: Parameter): void {
  const { start, end } = keysUnder("ssm", context.accountId, context.region, "version", name);
  const versions = [...Versions.range(tx, start, end)];
  if (versions.length < VERSIONS_MAX) return;
  const [place, oldest] = versions[0]!;
  if (Object.values(labels).includes(oldest.version)) {
    throw new AwsError(
      "ParameterMaxVersionLimitExceeded",
      `You attempted to create a new version of ${name} by calling the PutParameter API with the overwrite flag. Version ${oldest.version}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.`,
    );
  }
  tx.delete(place);
}
