/**
 * What CloudFormation keeps.
 *
 *     ("cloudformation", account, region)
 *        "name",       stack name                → StackName: which stack has it now; gone once the stack is deleted
 *        "stack",      stack                     → Stack
 *        "deployment", stack, deployment         → Deployment: a template with its parameters; never changed
 *        "resource",   stack, logical id         → Resource
 *        "garbage",    stack, number             → Garbage: what a replacement left behind and the cleanup deletes
 *        "task",       stack, task               → Task: one step of the operation under way
 *        "journal",    stack, task, number       → JournalEntry: a call that a step has made, with its result
 *        "event",      stack, number             → StackEventRecord
 *        "change-set", stack, change set         → ChangeSet
 *        "export",     export name               → Export
 *        "import",     export name, stack        → Import
 *        "response",   token                     → PendingResponse: a custom resource that has not answered yet
 *
 * `stack` is the UUID at the end of the stack's ARN.
 */
import type {
  Capability,
  Change,
  ChangeSetStatus,
  ExecutionStatus,
  ResourceStatus,
  StackStatus,
} from "@aws-sdk/client-cloudformation";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Principal } from "../service.ts";
import type { DeletionPolicy } from "./template/sections.ts";

export interface Home {
  readonly accountId: string;
  readonly region: string;
}

const at = (home: Home, ...rest: (string | number)[]): Key =>
  key("cloudformation", home.accountId, home.region, ...rest);
const under = (home: Home, ...rest: (string | number)[]) =>
  keysUnder("cloudformation", home.accountId, home.region, ...rest);

export type OnFailure = "ROLLBACK" | "DELETE" | "DO_NOTHING";

/**
 * What the operation under way is doing: `create` and `update` apply the template; `rollback` deletes what a failed creation made; `restore`
 * takes a failed update back; `cleanup` deletes what an update, or its restoration, left over; `delete` deletes everything.
 */
export type Phase = "create" | "update" | "cleanup" | "restore" | "restore-cleanup" | "rollback" | "delete";

export interface StackOperation {
  /** Events of earlier operations carry another id and are ignored. */
  readonly id: string;
  phase: Phase;
  readonly principal: Principal;
  readonly onFailure: OnFailure;
  readonly retainExceptOnCreate: boolean;
  readonly clientRequestToken?: string;
  /** The deployment that a failed update goes back to. */
  readonly previousDeployment?: string;
  /** Logical ids that DeleteStack keeps, or that ContinueUpdateRollback passes over. */
  readonly keep: readonly string[];
  /** Set: nothing new begins; why, as the stack's status will say. */
  stopped?: string;
  /** DeleteStack came while the stack was being created. */
  deleteNext?: { readonly principal: Principal; readonly clientRequestToken?: string };
}

export interface StackOutput {
  readonly name: string;
  readonly value: string;
  readonly description?: string;
  readonly exportName?: string;
}

export interface Stack {
  readonly uuid: string;
  readonly stackId: string;
  readonly stackName: string;
  readonly createdMs: number;
  updatedMs?: number;
  deletedMs?: number;
  status: StackStatus;
  statusReason?: string;
  /** Absent while the stack is only a change set (REVIEW_IN_PROGRESS). */
  deployment?: string;
  outputs: readonly StackOutput[];
  disableRollback: boolean;
  terminationProtection: boolean;
  timeoutMinutes?: number;
  changeSetId?: string;
  /** Names of exports that this stack imports. */
  imports: readonly string[];
  operation?: StackOperation;
  /** The stack that this one is a resource of, and the outermost one. */
  readonly parentId?: string;
  readonly rootId?: string;
  /** The task of the outer stack that waits for the operation under way. */
  outer?: { readonly stack: string; readonly operation: string; readonly task: string };
  /** Token of the request that made the stack, for asking twice. */
  creationToken?: string;
  nextEvent: number;
  nextGarbage: number;
}

/** Everything that a stack is asked to be. */
export interface Deployment {
  /** The template as it was given. */
  readonly original: string;
  /** After its transforms, as JSON text. */
  readonly processed: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of those parameters that name something in Parameter Store: what that was. */
  readonly stored?: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly capabilities: readonly Capability[];
  readonly roleArn?: string;
}

/** One thing that exists (or may exist) in another service. */
export interface Incarnation {
  readonly type: string;
  /** Undefined: it was never made. */
  readonly physicalId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Resolved and coerced: what it was made with. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly deletionPolicy?: DeletionPolicy;
  readonly updateReplacePolicy?: DeletionPolicy;
  readonly metadata?: unknown;
  readonly dependsOn: readonly string[];
  /** A custom resource asked that its attributes are not shown. */
  readonly noEcho?: boolean;
}

export interface Resource extends Incarnation {
  readonly logicalId: string;
  readonly status: ResourceStatus;
  readonly statusReason?: string;
  readonly updatedMs: number;
  /** What the operation under way does to it. */
  readonly change?: "create" | "update" | "replace";
  /** What it was before. */
  readonly previous?: Incarnation;
}

export interface Garbage {
  readonly number: number;
  readonly logicalId: string;
  readonly incarnation: Incarnation;
}

export interface Task {
  readonly id: string;
  readonly logicalId: string;
  readonly kind: "apply" | "restore" | "delete";
  /** Tasks that go first. */
  readonly needs: readonly string[];
  readonly state: "waiting" | "running" | "done" | "failed";
  /** Thirteen letters and digits that end physical names, drawn when the task is made. */
  readonly nameToken: string;
  /** What is called; decided when the task begins. */
  readonly action?: "create" | "update" | "replace" | "delete";
  /** The type of what is made. */
  readonly type?: string;
  /** The properties to reach (apply, restore). */
  readonly properties?: Readonly<Record<string, unknown>>;
  /** What is deleted, or updated from. */
  readonly target?: Incarnation;
  /** A `delete` of garbage leaves the resource's record alone. */
  readonly garbage?: number;
  /** Times that the step was begun. */
  readonly attempts: number;
  /** The end of an operation on its nested stack is awaited. */
  readonly awaits?: true;
  /** A custom resource's answer is awaited under this token. */
  readonly responseToken?: string;
}

/** A call and its result. Outputs are plain data. */
export interface JournalEntry {
  readonly call: string;
  readonly output: unknown;
}

export interface StackEventRecord {
  readonly eventId: string;
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  readonly timestampMs: number;
  readonly status: string;
  readonly reason?: string;
  readonly properties?: string;
  readonly clientRequestToken?: string;
}

export interface ChangeSet {
  readonly uuid: string;
  readonly changeSetId: string;
  readonly name: string;
  readonly stackUuid: string;
  readonly type: "CREATE" | "UPDATE";
  readonly description?: string;
  readonly createdMs: number;
  readonly status: ChangeSetStatus;
  readonly statusReason?: string;
  readonly executionStatus: ExecutionStatus;
  readonly onStackFailure?: OnFailure;
  /** The deployment that is executed; absent when the template could not be processed. */
  readonly deployment?: string;
  /** The template as it was given, for GetTemplate. */
  readonly original: string;
  readonly parameters: readonly {
    readonly key: string;
    readonly value: string;
    readonly noEcho: boolean;
    readonly stored?: string;
  }[];
  readonly tags: Readonly<Record<string, string>>;
  readonly capabilities: readonly Capability[];
  readonly changes: readonly Change[];
  readonly clientRequestToken?: string;
}

export interface Export {
  readonly stackUuid: string;
  readonly stackId: string;
  readonly value: string;
}

export interface PendingResponse {
  readonly stackUuid: string;
  readonly operationId: string;
  readonly taskId: string;
  readonly requestId: string;
}

export const stackNames = defineRecord<{ readonly uuid: string }>("cloudformation.StackName", 1);
export const stacks = defineRecord<Stack>("cloudformation.Stack", 1);
export const deployments = defineRecord<Deployment>("cloudformation.Deployment", 1);
export const resources = defineRecord<Resource>("cloudformation.Resource", 1);
export const garbage = defineRecord<Garbage>("cloudformation.Garbage", 1);
export const tasks = defineRecord<Task>("cloudformation.Task", 1);
export const journal = defineRecord<JournalEntry>("cloudformation.JournalEntry", 1);
export const events = defineRecord<StackEventRecord>("cloudformation.Event", 1);
export const changeSets = defineRecord<ChangeSet>("cloudformation.ChangeSet", 1);
export const stackExports = defineRecord<Export>("cloudformation.Export", 1);
export const imports = defineRecord<{ readonly stackName: string }>("cloudformation.Import", 1);
export const responses = defineRecord<PendingResponse>("cloudformation.PendingResponse", 1);

export const keys = {
  name: (home: Home, stackName: string) => at(home, "name", stackName),
  stack: (home: Home, stack: string) => at(home, "stack", stack),
  stacks: (home: Home) => under(home, "stack"),
  deployments: (home: Home, stack: string) => under(home, "deployment", stack),
  deployment: (home: Home, stack: string, id: string) => at(home, "deployment", stack, id),
  resource: (home: Home, stack: string, logicalId: string) => at(home, "resource", stack, logicalId),
  resources: (home: Home, stack: string) => under(home, "resource", stack),
  garbage: (home: Home, stack: string, number: number) => at(home, "garbage", stack, number),
  allGarbage: (home: Home, stack: string) => under(home, "garbage", stack),
  task: (home: Home, stack: string, id: string) => at(home, "task", stack, id),
  tasks: (home: Home, stack: string) => under(home, "task", stack),
  journalEntry: (home: Home, stack: string, task: string, number: number) => at(home, "journal", stack, task, number),
  journal: (home: Home, stack: string, task: string) => under(home, "journal", stack, task),
  event: (home: Home, stack: string, number: number) => at(home, "event", stack, number),
  events: (home: Home, stack: string) => under(home, "event", stack),
  changeSet: (home: Home, stack: string, id: string) => at(home, "change-set", stack, id),
  changeSets: (home: Home, stack: string) => under(home, "change-set", stack),
  export: (home: Home, name: string) => at(home, "export", name),
  exports: (home: Home) => under(home, "export"),
  import: (home: Home, name: string, stack: string) => at(home, "import", name, stack),
  imports: (home: Home, name: string) => under(home, "import", name),
  response: (home: Home, token: string) => at(home, "response", token),
} as const;

/** The stack that a name or an ARN means: deleted ones only by ARN. */
export function findStack(tx: Transaction, home: Home, nameOrId: string): Stack | undefined {
  if (nameOrId.startsWith("arn:")) {
    const stack = stacks.get(tx, keys.stack(home, nameOrId.split("/")[2] ?? ""));
    return stack?.stackId === nameOrId ? stack : undefined;
  }
  const name = stackNames.get(tx, keys.name(home, nameOrId));
  return name && stacks.get(tx, keys.stack(home, name.uuid));
}

export function saveStack(tx: Transaction, home: Home, stack: Stack): void {
  stacks.put(tx, keys.stack(home, stack.uuid), stack);
}

export function allResources(tx: Transaction, home: Home, stack: string): Resource[] {
  const { start, end } = keys.resources(home, stack);
  return [...resources.range(tx, start, end)].map(([, resource]) => resource);
}

export function allTasks(tx: Transaction, home: Home, stack: string): Task[] {
  const { start, end } = keys.tasks(home, stack);
  return [...tasks.range(tx, start, end)].map(([, task]) => task);
}

export function allGarbage(tx: Transaction, home: Home, stack: string): Garbage[] {
  const { start, end } = keys.allGarbage(home, stack);
  return [...garbage.range(tx, start, end)].map(([, item]) => item);
}

/** Deletes every entry of a range. */
export function clear(tx: Transaction, range: { readonly start: Key; readonly end: Key }): void {
  for (const [entry] of [...tx.range(range.start, range.end)]) tx.delete(entry);
}
