/** Which resource types there are: those that services declare, and custom ones. */
import { AwsError } from "../../../kernel/errors.ts";
import type { ResourceType } from "../../resources.ts";
import { formatError, validationError } from "../errors.ts";
import type { Evaluation } from "../template/evaluate.ts";
import { unknownAttribute } from "../template/evaluate.ts";
import { checkProperties } from "../template/properties.ts";
import { visitReferences } from "../template/references.ts";
import { intrinsicOf, isObject, type ValueObject } from "../template/values.ts";

/** What the engine needs of the outside. */
export interface Ports {
  /** Every type that any service declares, by name. Asked when it is needed: the services are put together around this one. */
  resourceTypes(): ReadonlyMap<string, ResourceType>;
  /** Whether this is a synchronous operation, which can be called inside a transaction. */
  isOperation(service: string, operation: string): boolean;
  /** How long the answer to a request waits for the end of the operation that it began; 0 answers at once, as AWS does. */
  readonly patienceMs: number;
}

/** The ports, and evaluations kept in memory for as long as the service lives. */
export interface Engine extends Ports {
  readonly evaluations: Map<string, Evaluation>;
}

export function isCustom(type: string): boolean {
  return type === "AWS::CloudFormation::CustomResource" || type.startsWith("Custom::");
}

/** Longest time that a custom resource may take, and how long without its saying so: one hour. */
export const SERVICE_TIMEOUT_SECONDS_MAX = 3600;

/** Refuses, before anything is made: types and properties that are not there, attributes that a type does not have. */
export function checkTypes(ports: Ports, evaluation: Evaluation): void {
  const types = ports.resourceTypes();
  const { resources } = evaluation.template;
  const unknown = new Set(
    Object.values(resources)
      .map((resource) => resource.type)
      .filter((type) => !isCustom(type) && !types.has(type)),
  );
  if (unknown.size > 0) throw formatError(`Unrecognized resource types: [${[...unknown].join(", ")}]`);
  for (const [logicalId, resource] of evaluation.resources) {
    if (isCustom(resource.type)) {
      if (
        resource.type.length > 60 ||
        !/^(Custom::[A-Za-z0-9_@-]+|AWS::CloudFormation::CustomResource)$/.test(resource.type)
      ) {
        throw formatError(`Invalid custom resource type ${resource.type}`);
      }
      checkCustomProperties(logicalId, resource.properties);
    } else {
      checkProperties(
        types.get(resource.type)!,
        logicalId,
        resource.properties,
        (name) => evaluation.conditions[name]!,
      );
    }
  }
  checkAttributes(types, evaluation);
}

function checkCustomProperties(logicalId: string, properties: Readonly<Record<string, unknown>>): void {
  const token = properties["ServiceToken"];
  if (token === undefined) {
    throw validationError(
      `Properties validation failed for resource ${logicalId} with message:\n#: required key [ServiceToken] not found`,
    );
  }
  const timeout = properties["ServiceTimeout"];
  if (timeout === undefined || intrinsicOf(timeout)) return;
  const seconds = Number(timeout);
  if (isObject(timeout) || !Number.isInteger(seconds) || seconds < 1 || seconds > SERVICE_TIMEOUT_SECONDS_MAX) {
    throw validationError(
      `ServiceTimeout of resource ${logicalId} must be a whole number between 1 and ${SERVICE_TIMEOUT_SECONDS_MAX}`,
    );
  }
}

function checkAttributes(types: ReadonlyMap<string, ResourceType>, evaluation: Evaluation): void {
  const visitor = {
    ref() {},
    getAtt(logicalId: string, attribute: string | undefined) {
      const allowed = types.get(evaluation.template.resources[logicalId]?.type ?? "")?.attributes;
      if (!allowed || attribute === undefined) return;
      const known = allowed.some((name) =>
        name.endsWith(".*") ? attribute.startsWith(name.slice(0, -1)) : name === attribute,
      );
      if (!known) throw unknownAttribute(logicalId, attribute);
    },
  };
  for (const resource of Object.values(evaluation.template.resources)) visitReferences(resource.properties, visitor);
  for (const output of Object.values(evaluation.template.outputs)) visitReferences(output.value, visitor);
}

const IAM_NAMES: Readonly<Record<string, string | undefined>> = {
  "AWS::IAM::AccessKey": undefined,
  "AWS::IAM::Group": "GroupName",
  "AWS::IAM::InstanceProfile": "InstanceProfileName",
  "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
  "AWS::IAM::Policy": undefined,
  "AWS::IAM::Role": "RoleName",
  "AWS::IAM::User": "UserName",
  "AWS::IAM::UserToGroupAddition": undefined,
};

export interface NeededCapabilities {
  readonly capabilities: readonly ("CAPABILITY_IAM" | "CAPABILITY_NAMED_IAM")[];
  readonly reason?: string;
}

/** What a caller must acknowledge. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html */
export function neededCapabilities(
  resources: Readonly<Record<string, { readonly type: string; readonly properties: ValueObject }>>,
): NeededCapabilities {
  const found = new Set<string>();
  let named = false;
  for (const resource of Object.values(resources)) {
    if (!Object.hasOwn(IAM_NAMES, resource.type)) continue;
    found.add(resource.type);
    const property = IAM_NAMES[resource.type];
    if (property !== undefined && resource.properties[property] !== undefined) named = true;
  }
  if (found.size === 0) return { capabilities: [] };
  return {
    capabilities: [named ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM"],
    reason: `The following resource(s) require capabilities: [${[...found].join(", ")}]`,
  };
}

/** What a failed step says of its failure, as CloudFormation words what a service answered. */
export function failureReason(error: unknown, type: string, requestId: string): string {
  if (!(error instanceof AwsError))
    return `Internal Failure (RequestToken: ${requestId}, HandlerErrorCode: InternalFailure)`;
  if (
    error.code === "ValidationError" &&
    /^(Template|Properties|Encountered|No export|Embedded stack|Role |SSM Secure|Unable to fetch|Could not|Incorrect format|Virga )/.test(
      error.message,
    )
  )
    return error.message;
  const service = type.split("::")[1] ?? type;
  return `${error.message} (Service: ${service}, Status Code: ${error.status}, Request ID: ${requestId}, Error Code: ${error.code})`;
}
