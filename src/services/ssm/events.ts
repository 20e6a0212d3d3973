/** What Parameter Store tells the account's default event bus. @see https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html */
import type { OperationContext } from "../service.ts";
import { type ParameterType, parameterArn } from "./state.ts";

export interface Change {
  readonly name: string;
  readonly type: ParameterType;
  readonly operation: "Create" | "Update" | "Delete" | "LabelParameterVersion";
  readonly label?: string;
}

export function tellChange(context: OperationContext, change: Change): void {
  context.call(
    "events",
    "PutEvents",
    {
      Entries: [
        {
          Source: "aws.ssm",
          DetailType: "Parameter Store Change",
          Resources: [parameterArn(context, change.name)],
          Detail: JSON.stringify(change),
        },
      ],
    },
    { principal: { type: "service", service: "ssm.amazonaws.com" } },
  );
}
