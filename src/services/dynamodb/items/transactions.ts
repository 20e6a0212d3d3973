/** What both transactional operations share: the reasons of a cancellation, and which item an action means. */
import { AwsError } from "../../../kernel/errors.ts";
import { key } from "../../../storage/keys.ts";
import type { Table } from "../table.ts";
import { type AttributeMap, attribute, printed } from "../values/attribute-value.ts";

/** One for every action, `None` where nothing was wrong. */
export interface Reason {
  readonly Code: "None" | "ConditionalCheckFailed" | "ValidationError";
  readonly Message?: string;
  readonly Item?: AttributeMap;
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactionCanceledException.html */
export const cancelled = (reasons: readonly Reason[]): AwsError =>
  new AwsError(
    "TransactionCanceledException",
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons
      .map(({ Code }) => Code)
      .join(", ")}]`,
    400,
    { CancellationReasons: reasons },
  );

/** Runs a step; a ValidationException becomes the reason of its action. */
export function reasonOf<T>(step: () => T, refused: (reason: Reason) => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "ValidationException") throw error;
    return refused({ Code: "ValidationError", Message: error.message });
  }
}

/** The same for two maps that mean the same item. Also for keys that are not valid, which may mean no item at all. */
export function itemIdentity({ record }: Table, map: AttributeMap): string {
  const part = (name: string | undefined): string => {
    const value = name === undefined ? undefined : attribute(map, name);
    return value === undefined ? "" : printed(value);
  };
  return key(record.name, part(record.hash), part(record.range));
}
