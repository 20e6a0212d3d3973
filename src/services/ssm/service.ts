/**
 * AWS Systems Manager, of which Virga has Parameter Store.
 *
 * `state.ts` says what is kept; `put-parameter.ts`, `get-parameters.ts` and `change-parameters.ts` hold the operations; `find.ts` what a name
 * means, `filters.ts` what a list leaves out, `events.ts` what is told of a change.
 */
import { defineService, type OperationContext, type Permission } from "../service.ts";
import {
  addTagsToResource,
  deleteParameter,
  deleteParameters,
  labelParameterVersion,
  listTagsForResource,
  removeTagsFromResource,
  unlabelParameterVersion,
} from "./change-parameters.ts";
import { referenceOf } from "./find.ts";
import {
  describeParameters,
  getParameter,
  getParameterHistory,
  getParameters,
  getParametersByPath,
} from "./get-parameters.ts";
import { putParameter } from "./put-parameter.ts";
import { resources } from "./resources.ts";
import { parameterArn } from "./state.ts";

type Where = Pick<OperationContext, "accountId" | "region">;

const on = (action: string, context: Where, text: string | undefined): Permission => {
  const { at, name } = referenceOf(context, text ?? "");
  return { action: `ssm:${action}`, resource: parameterArn(at, name) };
};

const onName =
  (action: string) =>
  ({ Name }: { readonly Name?: string | undefined }, at: Where): Permission =>
    on(action, at, Name);

const onNames =
  (action: string) =>
  ({ Names = [] }: { readonly Names?: readonly string[] | undefined }, at: Where): Permission[] =>
    Names.map((name) => on(action, at, name));

const onResource =
  (action: string) =>
  ({ ResourceId }: { readonly ResourceId?: string | undefined }, at: Where): Permission =>
    on(action, at, ResourceId);

export const ssm = defineService<"ssm">({
  name: "ssm",
  operations: {
    AddTagsToResource: addTagsToResource,
    DeleteParameter: deleteParameter,
    DeleteParameters: deleteParameters,
    DescribeParameters: describeParameters,
    GetParameter: getParameter,
    GetParameterHistory: getParameterHistory,
    GetParameters: getParameters,
    GetParametersByPath: getParametersByPath,
    LabelParameterVersion: labelParameterVersion,
    ListTagsForResource: listTagsForResource,
    PutParameter: putParameter,
    RemoveTagsFromResource: removeTagsFromResource,
    UnlabelParameterVersion: unlabelParameterVersion,
  },
  unsupported: { DescribeParameters: ["Shared"], PutParameter: ["Policies"] },
  permissions: {
    AddTagsToResource: onResource("AddTagsToResource"),
    DeleteParameter: onName("DeleteParameter"),
    DeleteParameters: onNames("DeleteParameters"),
    GetParameter: onName("GetParameter"),
    GetParameterHistory: onName("GetParameterHistory"),
    GetParameters: onNames("GetParameters"),
    GetParametersByPath: ({ Path }, at) => on("GetParametersByPath", at, Path?.replace(/\/$/, "")),
    LabelParameterVersion: onName("LabelParameterVersion"),
    ListTagsForResource: onResource("ListTagsForResource"),
    PutParameter: onName("PutParameter"),
    RemoveTagsFromResource: onResource("RemoveTagsFromResource"),
    UnlabelParameterVersion: onName("UnlabelParameterVersion"),
  },
  resources,
});
