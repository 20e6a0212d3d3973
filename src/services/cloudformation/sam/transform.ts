/** AWS::Serverless-2016-10-31 */
import type { Value, ValueObject } from "../template/values.ts";
export function transformServerless(root: ValueObject, _valueOf: (name: string) => Value | undefined): ValueObject {
  return root;
}
