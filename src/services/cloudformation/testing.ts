/** Stacks in tests of resource types: deploy a template, wait on the virtual clock, see what became of it. */
import type { TestPlatform } from "../../platform/testing.ts";

export interface Deployed {
  readonly status: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** Why the first resource failed. */
  readonly reason: string | undefined;
}

/** Seconds of virtual time after which a stack is given up. */
const PATIENCE_SECONDS = 120;

/** Creates the stack, or updates it when it is there. Outputs are those of the template. */
export async function deploy(
  platform: TestPlatform,
  template: { readonly Resources: object; readonly [section: string]: object | string },
  { StackName = "app", Parameters = {} as Readonly<Record<string, string>> } = {},
): Promise<Deployed> {
  const exists = await platform.call("cloudformation", "DescribeStacks", { StackName }).then(
    () => true,
    () => false,
  );
  await platform.call("cloudformation", exists ? "UpdateStack" : "CreateStack", {
    StackName,
    TemplateBody: JSON.stringify(template),
    Capabilities: ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    Parameters: Object.entries(Parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
    Tags: [{ Key: "stack", Value: StackName }],
  });
  return settled(platform, StackName);
}

async function settled(platform: TestPlatform, StackName: string): Promise<Deployed> {
  for (let second = 0; second < PATIENCE_SECONDS; second++) {
    await platform.advance(1000);
    const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName });
    const stack = Stacks![0]!;
    if (stack.StackStatus!.endsWith("_IN_PROGRESS")) continue;
    const { StackEvents } = await platform.call("cloudformation", "DescribeStackEvents", { StackName });
    const outputs = (stack.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!] as const);
    const failed = StackEvents!.findLast(({ ResourceStatus }) => ResourceStatus?.endsWith("_FAILED"));
    return { status: stack.StackStatus!, outputs: Object.fromEntries(outputs), reason: failed?.ResourceStatusReason };
  }
  throw new Error(`The stack ${StackName} does not come to an end`);
}

/** Deletes the stack and waits until it is gone. */
export async function remove(platform: TestPlatform, StackName = "app"): Promise<void> {
  await platform.call("cloudformation", "DeleteStack", { StackName });
  for (let second = 0; second < PATIENCE_SECONDS; second++) {
    await platform.advance(1000);
    const there = await platform.call("cloudformation", "DescribeStacks", { StackName }).catch(() => undefined);
    if (!there) return;
    const { StackStatus, StackStatusReason } = there.Stacks![0]!;
    if (StackStatus === "DELETE_FAILED") throw new Error(StackStatusReason);
  }
  throw new Error(`The stack ${StackName} is not deleted`);
}
