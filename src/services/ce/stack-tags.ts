/**
 * The tags that CloudFormation gives to what it makes. Virga's resources do not carry them; here they are found from the stacks.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
 */
import { AwsError } from "../../kernel/errors.ts";
import type { OperationContext } from "../service.ts";
import type { Tags } from "./tags.ts";

const NONE: Tags = {};
/** Stacks and resources that are looked through. */
const PAGES_MAX = 100;

/** Services whose ARNs name them otherwise than resource types do. */
const ARN_SERVICE: Readonly<Record<string, string>> = {
  apigatewayv2: "apigateway",
  elasticloadbalancingv2: "elasticloadbalancing",
};

/** A resource as ARNs and physical ids both name it: by its service and what stands last. */
const placeOf = (service: string, id: string): string => `${service} ${/[^/:]*$/.exec(id)![0]}`;

export function stackTags({ call }: Pick<OperationContext, "call">): (resource: string) => Tags {
  const found = new Map<string, Tags>();
  for (const { StackName, StackId } of stacksOf(call))
    for (const { LogicalResourceId, PhysicalResourceId, ResourceType } of resourcesOf(call, StackName!)) {
      const service = ResourceType?.split("::")[1]?.toLowerCase();
      if (service === undefined || PhysicalResourceId === undefined) continue;
      // A load balancer's ARN ends in an id, and so does its physical id, which is that ARN.
      found.set(placeOf(ARN_SERVICE[service] ?? service, PhysicalResourceId), {
        "aws:cloudformation:logical-id": LogicalResourceId!,
        "aws:cloudformation:stack-id": StackId!,
        "aws:cloudformation:stack-name": StackName!,
      });
    }
  return (resource) => found.get(placeOf(resource.split(":")[2] ?? "", resource)) ?? NONE;
}

function* stacksOf(call: OperationContext["call"]) {
  let NextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = call("cloudformation", "DescribeStacks", { NextToken });
    yield* answer.Stacks ?? [];
    NextToken = answer.NextToken;
    if (NextToken === undefined) return;
  }
}

function* resourcesOf(call: OperationContext["call"], StackName: string) {
  let NextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = resourcePage(call, StackName, NextToken);
    yield* answer.StackResourceSummaries ?? [];
    NextToken = answer.NextToken;
    if (NextToken === undefined) return;
  }
}

/** A stack may be gone by now. */
function resourcePage(call: OperationContext["call"], StackName: string, NextToken: string | undefined) {
  try {
    return call("cloudformation", "ListStackResources", { StackName, NextToken });
  } catch (error) {
    if (error instanceof AwsError) return {};
    throw error;
  }
}
