/** What else happens to parameters: they are deleted, their versions labelled, they are tagged. */
import { AwsError } from "../../kernel/errors.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { invalidResource, parameterNotFound, parameterVersionNotFound } from "./errors.ts";
import { tellChange } from "./events.ts";
import { findParameter, referenceOf, requireParameter } from "./find.ts";
import { GET_MAX, LABELS_PER_VERSION_MAX, TAGS_MAX, tagsOf, tooManyTags } from "./rules.ts";
import { type Parameter, Parameters, parameterKey, Versions, versionKey, type Where } from "./state.ts";

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html */
export function deleteParameter(
  tx: Transaction,
  input: InputOf<"ssm", "DeleteParameter">,
  context: OperationContext,
): OutputOf<"ssm", "DeleteParameter"> {
  new Constraints().required("name", input.Name).check();
  if (!remove(tx, input.Name!, context)) throw parameterNotFound();
  return {};
}

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html */
export function deleteParameters(
  tx: Transaction,
  input: InputOf<"ssm", "DeleteParameters">,
  context: OperationContext,
): OutputOf<"ssm", "DeleteParameters"> {
  new Constraints().required("names", input.Names).length("names", input.Names, 1, GET_MAX).check();
  const names = [...new Set(input.Names)];
  const deleted = names.filter((name) => remove(tx, name, context));
  return { DeletedParameters: deleted, InvalidParameters: names.filter((name) => !deleted.includes(name)) };
}

function remove(tx: Transaction, name: string, context: OperationContext): boolean {
  const reference = referenceOf(context, name);
  const parameter = findParameter(tx, reference);
  if (!parameter || reference.selector !== undefined) return false;
  const { at } = reference;
  const { start, end } = keysUnder("ssm", at.accountId, at.region, "version", parameter.name);
  for (const [place] of [...tx.range(start, end)]) tx.delete(place);
  tx.delete(parameterKey(at, parameter.name));
  tellChange(context, { name: parameter.name, type: parameter.type, operation: "Delete" });
  return true;
}

const isLabel = (label: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_.-]{0,99}$/.test(label) && !/^(aws|ssm)/i.test(label);

/** A label that another version had moves. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html */
export function labelParameterVersion(
  tx: Transaction,
  input: InputOf<"ssm", "LabelParameterVersion">,
  context: OperationContext,
): OutputOf<"ssm", "LabelParameterVersion"> {
  new Constraints()
    .required("name", input.Name)
    .required("labels", input.Labels)
    .length("labels", input.Labels, 1, 10)
    .check();
  const { at, parameter, version } = versionToLabel(tx, input, context);
  const wanted = input.Labels!.filter(isLabel);
  const labels = { ...parameter.labels, ...Object.fromEntries(wanted.map((label) => [label, version])) };
  if (Object.values(labels).filter((one) => one === version).length > LABELS_PER_VERSION_MAX) {
    throw new AwsError(
      "ParameterVersionLabelLimitExceeded",
      `A parameter version can have maximum ${LABELS_PER_VERSION_MAX} labels.Move one or more labels to another version and try again.`,
    );
  }
  Parameters.put(tx, parameterKey(at, parameter.name), { ...parameter, labels });
  for (const label of wanted) {
    tellChange(context, { name: parameter.name, type: parameter.type, operation: "LabelParameterVersion", label });
  }
  return { InvalidLabels: input.Labels!.filter((label) => !isLabel(label)), ParameterVersion: version };
}

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UnlabelParameterVersion.html */
export function unlabelParameterVersion(
  tx: Transaction,
  input: InputOf<"ssm", "UnlabelParameterVersion">,
  context: OperationContext,
): OutputOf<"ssm", "UnlabelParameterVersion"> {
  new Constraints()
    .required("name", input.Name)
    .required("parameterVersion", input.ParameterVersion)
    .required("labels", input.Labels)
    .check();
  const { at, parameter, version } = versionToLabel(tx, input, context);
  const removed = input.Labels!.filter((label) => parameter.labels[label] === version);
  const labels = Object.fromEntries(Object.entries(parameter.labels).filter(([label]) => !removed.includes(label)));
  Parameters.put(tx, parameterKey(at, parameter.name), { ...parameter, labels });
  return { RemovedLabels: removed, InvalidLabels: input.Labels!.filter((label) => !removed.includes(label)) };
}

function versionToLabel(
  tx: Transaction,
  input: { readonly Name?: string | undefined; readonly ParameterVersion?: number | undefined },
  context: OperationContext,
): { readonly at: Where; readonly parameter: Parameter; readonly version: number } {
  const reference = referenceOf(context, input.Name!);
  const parameter = requireParameter(tx, reference);
  const version = input.ParameterVersion ?? parameter.latestVersion;
  if (!Versions.get(tx, versionKey(reference.at, parameter.name, version))) {
    throw parameterVersionNotFound(version, parameter.name);
  }
  return { at: reference.at, parameter, version };
}

interface Tagged {
  readonly ResourceType?: string | undefined;
  readonly ResourceId?: string | undefined;
}

/** Of the many things that Systems Manager tags, parameters are here. */
function tagged(tx: Transaction, input: Tagged, context: OperationContext): Parameter {
  new Constraints().required("resourceType", input.ResourceType).required("resourceId", input.ResourceId).check();
  if (input.ResourceType !== "Parameter") throw invalidResource("InvalidResourceType");
  const parameter = findParameter(tx, referenceOf(context, input.ResourceId!));
  if (!parameter) throw invalidResource("InvalidResourceId");
  return parameter;
}

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html */
export function addTagsToResource(
  tx: Transaction,
  input: InputOf<"ssm", "AddTagsToResource">,
  context: OperationContext,
): OutputOf<"ssm", "AddTagsToResource"> {
  const parameter = tagged(tx, input, context);
  const tags = { ...parameter.tags, ...tagsOf(input.Tags) };
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags();
  Parameters.put(tx, parameterKey(context, parameter.name), { ...parameter, tags });
  return {};
}

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_RemoveTagsFromResource.html */
export function removeTagsFromResource(
  tx: Transaction,
  input: InputOf<"ssm", "RemoveTagsFromResource">,
  context: OperationContext,
): OutputOf<"ssm", "RemoveTagsFromResource"> {
  const parameter = tagged(tx, input, context);
  new Constraints().required("tagKeys", input.TagKeys).check();
  const tags = Object.fromEntries(Object.entries(parameter.tags).filter(([name]) => !input.TagKeys!.includes(name)));
  Parameters.put(tx, parameterKey(context, parameter.name), { ...parameter, tags });
  return {};
}

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html */
export function listTagsForResource(
  tx: Transaction,
  input: InputOf<"ssm", "ListTagsForResource">,
  context: OperationContext,
): OutputOf<"ssm", "ListTagsForResource"> {
  const { tags } = tagged(tx, input, context);
  return { TagList: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}
