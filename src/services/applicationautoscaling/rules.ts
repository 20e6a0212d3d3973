/** Limits and checks that operations share, in the words of AWS's API model. */
import { dimensions } from "./dimensions/all.ts";
import { validation } from "./errors.ts";
import type { DimensionName, Namespace, TargetId } from "./state.ts";

export const NAME_LENGTH_MAX = 256;
export const RESOURCE_ID_LENGTH_MAX = 1600;
export const TAGS_MAX = 50;
export const PAGE_MAX = 50;

/** Collects what is wrong with members, and reports it together. */
export interface Constraints {
  notNull(member: string, value: unknown): void;
  length(member: string, value: string | undefined, least: number, most: number): void;
  range(member: string, value: number | undefined, least: number, most: number): void;
  oneOf(member: string, value: string | undefined, values: readonly string[]): void;
  /** @throws ValidationException */
  check(): void;
}

export function createConstraints(): Constraints {
  const found: string[] = [];
  const add = (member: string, value: unknown, constraint: string) =>
    found.push(`Value '${String(value)}' at '${member}' failed to satisfy constraint: ${constraint}`);
  return {
    notNull(member, value) {
      if (value !== undefined && value !== null) return;
      found.push(`Value null at '${member}' failed to satisfy constraint: Member must not be null`);
    },
    length(member, value, least, most) {
      if (value === undefined) return;
      if (value.length < least) add(member, value, `Member must have length greater than or equal to ${least}`);
      if (value.length > most) add(member, value, `Member must have length less than or equal to ${most}`);
    },
    range(member, value, least, most) {
      if (value === undefined) return;
      if (value < least) add(member, value, `Member must have value greater than or equal to ${least}`);
      if (value > most) add(member, value, `Member must have value less than or equal to ${most}`);
    },
    oneOf(member, value, values) {
      if (value === undefined || values.includes(value)) return;
      add(member, value, `Member must satisfy enum value set: [${values.join(", ")}]`);
    },
    check() {
      if (found.length === 0) return;
      throw validation(`${found.length} validation error${found.length > 1 ? "s" : ""} detected: ${found.join("; ")}`);
    },
  };
}

/** Every namespace and dimension of AWS's, so that those that Virga lacks are refused by name and not as unknown. */
const NAMESPACES: readonly string[] = [
  "ecs",
  "elasticmapreduce",
  "ec2",
  "appstream",
  "dynamodb",
  "rds",
  "sagemaker",
  "custom-resource",
  "comprehend",
  "lambda",
  "cassandra",
  "kafka",
  "elasticache",
  "neptune",
  "workspaces",
];

interface IdInput {
  readonly ServiceNamespace?: string | undefined;
  readonly ResourceId?: string | undefined;
  readonly ScalableDimension?: string | undefined;
}

export function idConstraints(constraints: Constraints, input: IdInput): void {
  constraints.notNull("serviceNamespace", input.ServiceNamespace);
  constraints.oneOf("serviceNamespace", input.ServiceNamespace, NAMESPACES);
  constraints.notNull("resourceId", input.ResourceId);
  constraints.length("resourceId", input.ResourceId, 1, RESOURCE_ID_LENGTH_MAX);
  constraints.notNull("scalableDimension", input.ScalableDimension);
}

/** Of checked input. */
export const idOf = (input: IdInput): TargetId => ({
  namespace: input.ServiceNamespace as Namespace,
  resourceId: input.ResourceId!,
  dimension: input.ScalableDimension as DimensionName,
});

/** What the Describe operations filter by. @throws ValidationException */
export function checkFilter(
  constraints: Constraints,
  input: IdInput & { readonly MaxResults?: number | undefined },
): void {
  constraints.notNull("serviceNamespace", input.ServiceNamespace);
  constraints.oneOf("serviceNamespace", input.ServiceNamespace, NAMESPACES);
  constraints.length("resourceId", input.ResourceId, 1, RESOURCE_ID_LENGTH_MAX);
  constraints.range("maxResults", input.MaxResults, 1, PAGE_MAX);
  constraints.check();
  const { ScalableDimension: dimension, ServiceNamespace: namespace } = input;
  const known = dimensions.find(({ name }) => name === dimension);
  if (dimension !== undefined && known && known.namespace !== namespace) {
    throw validation(`Unsupported service namespace or scalable dimension: ${namespace}, ${dimension}`);
  }
}
