/**
 * CloudFormation resource types, as each service declares them. The engine in `services/cloudformation` checks a template's properties against
 * `properties` (anything else stops the deployment and is named), coerces them as CloudFormation does, decides between update and
 * replacement, and calls these functions, which in turn call the service's public operations.
 */
import type { AccountId, Region } from "../kernel/arn.ts";
import type { FlowContext } from "./service.ts";

/**
 * The shape of a property. A string names a scalar; `[spec]` is a list; `{ map: spec }` has free keys; `{ object: { … } }` has just the named
 * members; `"json"` is taken as it is (policies, free-form documents, given as an object or as JSON text).
 */
export type PropertySpec =
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "json"
  | readonly [PropertySpec]
  | { readonly map: PropertySpec }
  | { readonly object: Readonly<Record<string, PropertySpec>> };

export interface ResourceContext
  extends Pick<FlowContext, "call" | "clock" | "random" | "log" | "signal" | "blobs" | "endpoint"> {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly stackId: string;
  readonly stackName: string;
  readonly logicalId: string;
  /** The stack's tags, to be set on every resource that can carry them. */
  readonly tags: Readonly<Record<string, string>>;
  /** `stack-Logical-1HXC4R0Q2MZP7`, shortened to `lengthMax`, the same at every retry of this creation. */
  physicalName(lengthMax: number, options?: { readonly lowerCase?: boolean; readonly suffix?: string }): string;
}

export interface ResourceState {
  /** What `Ref` gives and the later calls receive. */
  readonly id: string;
  /** What `Fn::GetAtt` gives, by attribute name (dots included). */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Properties after intrinsics are resolved and values coerced. */
export type ResourceProperties = any;

export interface ResourceType {
  readonly properties: Readonly<Record<string, PropertySpec>>;
  readonly required?: readonly string[];
  /** Properties whose change needs a new resource (AWS: "Update requires: Replacement"). */
  readonly replacement?: readonly string[];
  create(context: ResourceContext, properties: ResourceProperties): Promise<ResourceState>;
  /** In place; same id. Absent: every change is a replacement. */
  update?(
    context: ResourceContext,
    id: string,
    properties: ResourceProperties,
    previous: ResourceProperties,
  ): Promise<ResourceState>;
  /** Succeeds when the resource is gone already. */
  delete(context: ResourceContext, id: string, properties: ResourceProperties): Promise<void>;
}
