/** What the Scheduler needs of the platform: every operation that there is, by name. */
import type { OperationName, ServiceName } from "../service.ts";

export interface UniversalCall {
  readonly service: ServiceName;
  readonly operation: OperationName<ServiceName>;
  /** JSON as the operation takes it. @throws ValidationException */
  decode(input: unknown): unknown;
}

/** Names as AWS's SDK for Java has them: `sqs`, `sendMessage`. Undefined when Virga has no such operation. */
export type UniversalCalls = (service: string, operation: string) => UniversalCall | undefined;
