/** The tags of a resource, by its ARN: asked of the service that has it, once for each request. A resource that is gone has none. */

import { parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { UNTRACED } from "../../kernel/trace.ts";
import type { Call, OperationContext } from "../service.ts";
import { stackTags } from "./stack-tags.ts";

export type Tags = Readonly<Record<string, string>>;

const NONE: Tags = {};

const listed = (tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined): Tags =>
  Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key!, Value ?? ""]));

/** How each service is asked; the others have no tags here. */
const ASK: Readonly<Record<string, (resource: string, context: OperationContext) => Tags>> = {
  cloudwatch: (ResourceARN, { call }) => listed(call("cloudwatch", "ListTagsForResource", { ResourceARN }).Tags),
  dynamodb: (ResourceArn, { call }) => listed(call("dynamodb", "ListTagsOfResource", { ResourceArn }).Tags),
  ecs: (resourceArn, { call }) =>
    Object.fromEntries(
      (call("ecs", "ListTagsForResource", { resourceArn }).tags ?? []).map(({ key, value }) => [key!, value ?? ""]),
    ),
  events: (ResourceARN, { call }) => listed(call("events", "ListTagsForResource", { ResourceARN }).Tags),
  lambda: (Resource, { call }) => call("lambda", "ListTags", { Resource }).Tags ?? NONE,
  logs: (resourceArn, { call }) => call("logs", "ListTagsForResource", { resourceArn }).tags ?? NONE,
  s3: (resource, { call }) =>
    listed(call("s3", "GetBucketTagging", { Bucket: resource.slice("arn:aws:s3:::".length) }).TagSet),
  sns: (ResourceArn, { call }) => listed(call("sns", "ListTagsForResource", { ResourceArn }).Tags),
  sqs: (resource, { call, endpoint }) => {
    const { accountId, resource: name } = parseArn(resource)!;
    return call("sqs", "ListQueueTags", { QueueUrl: `${endpoint}/${accountId}/${name}` }).Tags ?? NONE;
  },
  apigateway: (resource, { call }) => {
    const [, kind, id] = /^\/(apis|restapis)\/(.+)$/.exec(parseArn(resource)?.resource ?? "") ?? [];
    if (kind === "apis") return call("apigatewayv2", "GetApi", { ApiId: id! }).Tags ?? NONE;
    return kind === undefined ? NONE : (call("apigateway", "GetRestApi", { restApiId: id! }).tags ?? NONE);
  },
};

export function tagReader(context: OperationContext): (resource: string) => Tags {
  const known = new Map<string, Tags>();
  // To look at a bill does not add to it.
  const call: Call = (service, operation, input) =>
    context.call(service, operation, input, { unmetered: true, trace: UNTRACED });
  const asking: OperationContext = Object.create(context, { call: { value: call } });
  let stacks: ((resource: string) => Tags) | undefined;
  return (resource) => {
    let tags = known.get(resource);
    if (tags === undefined) {
      stacks ??= stackTags(asking);
      tags = { ...stacks(resource), ...ask(resource, asking) };
      known.set(resource, tags);
    }
    return tags;
  };
}

function ask(resource: string, context: OperationContext): Tags {
  const service = resource.split(":")[2] ?? "";
  if (!Object.hasOwn(ASK, service)) return NONE;
  try {
    return ASK[service]!(resource, context);
  } catch (error) {
    if (error instanceof AwsError) return NONE;
    throw error;
  }
}
