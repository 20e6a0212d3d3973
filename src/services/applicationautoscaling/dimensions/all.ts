/** Every scalable dimension that Virga has. */
import { notImplemented } from "../../../kernel/errors.ts";
import { validation } from "../errors.ts";
import type { TargetId } from "../state.ts";
import type { Dimension } from "./dimension.ts";
import { dynamodbCapacities } from "./dynamodb-capacity.ts";
import { ecsService } from "./ecs-service.ts";
import { lambdaConcurrency } from "./lambda-concurrency.ts";

export const dimensions: readonly Dimension[] = [ecsService, lambdaConcurrency, ...dynamodbCapacities];

/** The dimension of a target that is registered. */
export const dimensionOf = ({ namespace, dimension }: TargetId): Dimension =>
  dimensions.find((known) => known.namespace === namespace && known.name === dimension)!;

/** @throws ValidationException for what does not belong together, NotImplemented for what Virga does not scale */
export function checkTargetId({ namespace, resourceId, dimension }: TargetId): void {
  if (!dimensions.some((known) => known.namespace === namespace)) {
    throw notImplemented(`scalable targets in the service namespace ${namespace}`);
  }
  const known = dimensions.find(({ name }) => name === dimension);
  if (!known || known.namespace !== namespace) {
    throw validation(
      `Unsupported service namespace, resource type or scalable dimension: ${namespace}, ${resourceId}, ${dimension}`,
    );
  }
  if (!known.resourceId.test(resourceId)) {
    throw validation(
      `Unsupported service namespace, resource type or scalable dimension: ${namespace}, ${resourceId}, ${dimension}`,
    );
  }
}
