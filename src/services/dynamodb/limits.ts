/** DescribeLimits and DescribeEndpoints: what clients ask before they begin. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";

/** The quotas of a new account, except where a region's are higher. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const ACCOUNT_UNITS = 80_000;
const TABLE_UNITS = 40_000;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeLimits.html */
export function describeLimits(): OutputOf<"dynamodb", "DescribeLimits"> {
  return {
    AccountMaxReadCapacityUnits: ACCOUNT_UNITS,
    AccountMaxWriteCapacityUnits: ACCOUNT_UNITS,
    TableMaxReadCapacityUnits: TABLE_UNITS,
    TableMaxWriteCapacityUnits: TABLE_UNITS,
  };
}

const CACHE_MINUTES = 1440;

/** Where the caller already is. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeEndpoints.html */
export function describeEndpoints(
  _tx: Transaction,
  _input: InputOf<"dynamodb", "DescribeEndpoints">,
  context: OperationContext,
): OutputOf<"dynamodb", "DescribeEndpoints"> {
  return { Endpoints: [{ Address: new URL(context.endpoint).host, CachePeriodInMinutes: CACHE_MINUTES }] };
}
