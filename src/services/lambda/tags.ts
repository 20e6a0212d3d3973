/** Tags of functions and of event source mappings. */
import { parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidParameterValue, resourceDoesNotExist, validation } from "./errors.ts";
import { locate } from "./names.ts";
import { constraints, LIMITS, matches, PATTERNS } from "./rules.ts";
import { functionKey, functions, mappingKey, mappings, type Place } from "./state.ts";
import { requireFunction } from "./stored.ts";

export function checkTagCount(tags: Readonly<Record<string, string>> | undefined): void {
  if (tags && Object.keys(tags).length > LIMITS.tagsPerFunction) {
    throw invalidParameterValue("Number of tags exceeds resource tag limit.");
  }
}

/** A function or an event source mapping, as tags are put on them. */
function taggable(tx: Transaction, resource: string | undefined, place: Place) {
  const found = constraints();
  found.required("resource", resource);
  found.check();
  if (!matches(PATTERNS.taggable, resource!)) {
    throw validation(
      `1 validation error detected: Value '${resource}' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: ${PATTERNS.taggable}`,
    );
  }
  const kind = parseArn(resource!)!.resource.split(":")[0];
  if (kind === "event-source-mapping") {
    const spot = mappingKey(place, resource!.split(":").at(-1)!);
    const record = mappings.get(tx, spot);
    if (!record) throw resourceDoesNotExist();
    return { tags: record.tags, put: (tags: Record<string, string>) => mappings.put(tx, spot, { ...record, tags }) };
  }
  if (kind !== "function") throw resourceDoesNotExist();
  const at = locate(resource, place);
  if (at.qualifier !== undefined) {
    throw invalidParameterValue(
      "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    );
  }
  const record = requireFunction(tx, at);
  const spot = functionKey(at, at.name);
  return { tags: record.tags, put: (tags: Record<string, string>) => functions.put(tx, spot, { ...record, tags }) };
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html */
export const tagResource: Operation<InputOf<"lambda", "TagResource">, OutputOf<"lambda", "TagResource">> = (
  tx,
  input,
  context,
) => {
  const { tags, put } = taggable(tx, input.Resource, context);
  if (!input.Tags || Object.keys(input.Tags).length === 0) {
    throw invalidParameterValue("An error occurred and the request cannot be processed.");
  }
  const merged = { ...tags, ...input.Tags };
  checkTagCount(merged);
  put(merged);
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UntagResource.html */
export const untagResource: Operation<InputOf<"lambda", "UntagResource">, OutputOf<"lambda", "UntagResource">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.required("tagKeys", input.TagKeys);
  found.check();
  const { tags, put } = taggable(tx, input.Resource, context);
  put(Object.fromEntries(Object.entries(tags).filter(([name]) => !input.TagKeys!.includes(name))));
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html */
export const listTags: Operation<InputOf<"lambda", "ListTags">, OutputOf<"lambda", "ListTags">> = (
  tx,
  input,
  context,
) => ({
  Tags: { ...taggable(tx, input.Resource, context).tags },
});
