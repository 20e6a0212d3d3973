/** Tags of clusters, services, tasks and task definitions. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html */
import type {
  ListTagsForResourceCommandInput,
  Tag,
  TagResourceCommandInput,
  UntagResourceCommandInput,
} from "@aws-sdk/client-ecs";
import { parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { clusterNotFound, invalidParameter, resourceNotFound, serviceNotFound } from "./errors.ts";
import { Clusters, clusterKey, Definitions, definitionKey, Services, serviceKey, Tasks, taskKey } from "./state.ts";

const TAGS_MAX = 50;
const KEY_MAX = 128;
const VALUE_MAX = 256;

/** @throws InvalidParameterException */
export function checkTags(tags: readonly Tag[] | undefined): void {
  if (tags === undefined) return;
  if (tags.length > TAGS_MAX) throw invalidParameter(`Tags can not have more than ${TAGS_MAX} items.`);
  for (const { key, value = "" } of tags) {
    if (!key || key.length > KEY_MAX) throw invalidParameter("Tag key can not be empty or longer than 128 characters.");
    if (value.length > VALUE_MAX) throw invalidParameter("Tag value can not be longer than 256 characters.");
    if (/^aws:/i.test(key)) throw invalidParameter("Tag keys can not begin with aws:.");
  }
  if (new Set(tags.map(({ key }) => key)).size < tags.length)
    throw invalidParameter("Tags can not contain duplicate keys.");
}

/** Later ones win. */
export function mergeTags(...lists: readonly (readonly Tag[])[]): Tag[] {
  return [...new Map(lists.flat().map((tag) => [tag.key, tag])).values()];
}

/** Reads, or rewrites, the tags of whatever an ARN names. @throws what the resource's absence is called */
function change(
  tx: Transaction,
  resourceArn: string | undefined,
  edit?: (tags: readonly Tag[]) => readonly Tag[],
): readonly Tag[] {
  const parts = parseArn(resourceArn ?? "");
  if (parts?.service !== "ecs") throw invalidParameter("Invalid identifier: resourceArn is not an ARN of Amazon ECS.");
  const at = { accountId: parts.accountId as never, region: parts.region as never };
  const [kind, ...names] = parts.resource.split("/") as [string, ...string[]];
  const on = <T extends { readonly tags: readonly Tag[] }>(
    record: { get(tx: Transaction, key: any): T | undefined; put(tx: Transaction, key: any, value: T): void },
    key: unknown,
    missing: () => Error,
  ): readonly Tag[] => {
    const found = record.get(tx, key);
    if (!found) throw missing();
    if (!edit) return found.tags;
    const tags = edit(found.tags);
    record.put(tx, key, { ...found, tags });
    return tags;
  };
  switch (kind) {
    case "cluster":
      return on(Clusters, clusterKey(at, names[0]!), clusterNotFound);
    case "service":
      return on(Services, serviceKey(at, names[0]!, names[1] ?? ""), serviceNotFound);
    case "task":
      return on(Tasks, taskKey(at, names[0]!, names[1] ?? ""), () =>
        resourceNotFound("The specified task is not found."),
      );
    case "task-definition": {
      const [family, revision] = names[0]!.split(":");
      return on(Definitions, definitionKey(at, family!, Number(revision)), () =>
        resourceNotFound("The specified task definition is not found."),
      );
    }
    default:
      throw invalidParameter(`Invalid identifier: Virga keeps no ${kind} of Amazon ECS.`);
  }
}

export function tagResource(
  tx: Transaction,
  { resourceArn, tags }: TagResourceCommandInput,
  _context: OperationContext,
): OutputOf<"ecs", "TagResource"> {
  checkTags(tags);
  change(tx, resourceArn, (before) => {
    const after = mergeTags(before, tags ?? []);
    if (after.length > TAGS_MAX) throw invalidParameter(`Tags can not have more than ${TAGS_MAX} items.`);
    return after;
  });
  return {};
}

export function untagResource(
  tx: Transaction,
  { resourceArn, tagKeys = [] }: UntagResourceCommandInput,
  _context: OperationContext,
): OutputOf<"ecs", "UntagResource"> {
  change(tx, resourceArn, (before) => before.filter(({ key }) => !tagKeys.includes(key!)));
  return {};
}

export function listTagsForResource(
  tx: Transaction,
  { resourceArn }: ListTagsForResourceCommandInput,
  _context: OperationContext,
): OutputOf<"ecs", "ListTagsForResource"> {
  return { tags: [...change(tx, resourceArn)] };
}
