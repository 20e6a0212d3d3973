/**
 * Usage of what is there, for as long as it is there: bytes stored, alarms, load balancers, provisioned capacity. A change of the level is two commutative
 * additions: what the change makes of the hour it happens in, and the change itself, which the bill carries through all later hours.
 */
import type { OperationContext } from "../service.ts";

const HOUR_MS = 3_600_000;
/** Ends the usage type under which levels' changes are added. */
export const LEVEL_SUFFIX = ":level";

/**
 * @param usageType in units times hours: `TimedStorage-ByteHrs`
 * @param change by how much the level rises (or falls, where it is negative) at this moment
 */
export function changeLevel(
  context: Pick<OperationContext, "use" | "nowMs">,
  resource: string,
  usageType: string,
  change: number,
): void {
  if (change === 0) return;
  const leftMs = HOUR_MS - (context.nowMs % HOUR_MS);
  context.use({ resource, usageType, quantity: (change * leftMs) / HOUR_MS });
  context.use({ resource, usageType: `${usageType}${LEVEL_SUFFIX}`, quantity: change });
}
