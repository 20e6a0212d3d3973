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

/**
 * What a resource type works with. A step (one create, update or delete) may run again from its start when the platform was stopped in the
 * middle. `call` makes that safe: a call to a synchronous operation commits together with a note of its result, and the same call with the
 * same input answers from the note when the step runs again. A call to a flow (code upload, invoke …) has no such note: a step that makes one
 * looks at `retried`.
 */
export interface ResourceContext
  extends Pick<FlowContext, "call" | "clock" | "random" | "log" | "signal" | "blobs" | "endpoint"> {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly stackId: string;
  readonly stackName: string;
  readonly logicalId: string;
  /** True when this same step was begun before and cut off: what it makes through a flow may exist already, and is then adopted. */
  readonly retried: boolean;
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
  /** Whether this change needs a new resource although no property of `replacement` changed (AWS: "Update requires: Some interruptions" and the like). */
  replaces?(properties: ResourceProperties, previous: ResourceProperties): boolean;
  /** The property by which a template may name the resource. A replacement that would keep the name is refused, as on AWS: it would meet itself. */
  readonly nameProperty?: string;
  /** Names that `Fn::GetAtt` may ask for, checked before anything is created; `Outputs.*` allows a prefix. Absent: checked when the attribute is needed. */
  readonly attributes?: readonly string[];
  create(context: ResourceContext, properties: ResourceProperties): Promise<ResourceState>;
  /** In place; same id (returning another id says that it was replaced after all, and the old one is deleted in the cleanup). Absent: every change is a replacement. */
  update?(
    context: ResourceContext,
    id: string,
    properties: ResourceProperties,
    previous: ResourceProperties,
  ): Promise<ResourceState>;
  /** Succeeds when the resource is gone already. */
  delete(context: ResourceContext, id: string, properties: ResourceProperties): Promise<void>;
}
