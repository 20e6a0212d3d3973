/** Finding a function by the name a person knows: its own, or its logical id in a stack. */
import { cloudformationClient } from "./clients.ts";
import type { Target } from "./endpoint.ts";
import { Failure } from "./failure.ts";

/**
 * The physical names of the functions that carry a logical id, in all stacks.
 * @throws Failure when there is none, or more than one
 */
export async function functionByLogicalId(target: Target, logicalId: string): Promise<string> {
  const { ListStacksCommand, ListStackResourcesCommand } = await import("@aws-sdk/client-cloudformation");
  const client = await cloudformationClient(target);
  const functions: { readonly stack: string; readonly logicalId: string; readonly name: string }[] = [];
  let stacksToken: string | undefined;
  do {
    const page = await client.send(
      new ListStacksCommand({ ...(stacksToken === undefined ? {} : { NextToken: stacksToken }) }),
    );
    for (const { StackName, StackStatus } of page.StackSummaries ?? []) {
      if (StackStatus === "DELETE_COMPLETE") continue;
      let token: string | undefined;
      do {
        const resources = await client.send(
          new ListStackResourcesCommand({
            StackName: StackName!,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
        );
        for (const resource of resources.StackResourceSummaries ?? []) {
          if (resource.ResourceType === "AWS::Lambda::Function" && resource.PhysicalResourceId) {
            functions.push({
              stack: StackName!,
              logicalId: resource.LogicalResourceId!,
              name: resource.PhysicalResourceId,
            });
          }
        }
        token = resources.NextToken;
      } while (token);
    }
    stacksToken = page.NextToken;
  } while (stacksToken);
  const found = functions.filter((candidate) => candidate.logicalId === logicalId);
  if (found.length === 1) return found[0]!.name;
  if (found.length > 1) {
    throw new Failure(
      `${found.length} stacks have a function ${logicalId}.`,
      `Use a full name: ${found.map(({ name }) => name).join(", ")}`,
    );
  }
  throw new Failure(
    `There is no function ${logicalId}.`,
    functions.length > 0
      ? `There are: ${functions.map((one) => `${one.logicalId} (${one.name})`).join(", ")}`
      : "No function is deployed. Deploy one with `virga up`.",
  );
}
