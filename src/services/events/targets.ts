/** Targets of rules: put, remove, list. */
import { parseArn } from "../../kernel/arn.ts";
import { notImplemented } from "../../kernel/errors.ts";
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { JsonPathError, parseJsonPath } from "../apigateway-common/json-path.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { limitExceeded, validation } from "./errors.ts";
import { PLACEHOLDER, RESERVED } from "./input.ts";
import {
  INPUT_CHARACTERS_MAX,
  INPUT_PATHS_MAX,
  locateBus,
  pageOf,
  requireBus,
  TARGETS_PER_RULE_MAX,
} from "./limits.ts";
import { readJson } from "./matching.ts";
import { requireRule } from "./rules.ts";
import { type Rule, Rules, ruleKey, type Target, targetKey, type Where } from "./state.ts";
import { shownTask, taskOf } from "./tasks.ts";

type GivenTarget = NonNullable<InputOf<"events", "PutTargets">["Targets"]>[number];

/** At most so many in one request. */
const PUT_TARGETS_MAX = 100;

/** What an ARN must look like to be a target that Virga can reach. */
const REACHABLE: Readonly<Record<string, RegExp>> = {
  lambda: /^function:[^:]+(:[^:]+)?$/,
  sqs: /^[^/:]+$/,
  sns: /^[^/:]+$/,
  events: /^event-bus\/.+$/,
  ecs: /^cluster\/.+$/,
  logs: /^log-group:[^*]+?(:\*)?$/,
};

/**
 * Makes targets or writes them anew, by their ids.
 * @throws ValidationException, ResourceNotFoundException, LimitExceededException; NotImplemented for targets that Virga does not have
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
 */
export function putTargets(
  tx: Transaction,
  input: InputOf<"events", "PutTargets">,
  context: OperationContext,
): OutputOf<"events", "PutTargets"> {
  const given = input.Targets ?? [];
  new Constraints().required("targets", input.Targets).length("targets", input.Targets, 1, PUT_TARGETS_MAX).check();
  for (const target of given) checkModel(target);
  const targets = given.map(targetOf);
  const { at, rule } = requireRule(tx, context, input.EventBusName, input.Rule, "rule");
  const ids = new Set(targets.map(({ id }) => id));
  const changed = [...rule.targets.filter(({ id }) => !ids.has(id)), ...targets];
  changed.sort((left, right) => (left.id < right.id ? -1 : 1));
  if (changed.length > TARGETS_PER_RULE_MAX) throw limitExceeded();
  keepTargets(tx, at, rule, changed);
  return { FailedEntryCount: 0, FailedEntries: [] };
}

function keepTargets(tx: Transaction, at: Where, rule: Rule, targets: readonly Target[]): void {
  const place = ({ arn }: Target) => targetKey(at, arn, rule.busName, rule.name);
  for (const target of rule.targets) tx.delete(place(target));
  for (const target of targets) tx.put(place(target), 0);
  Rules.put(tx, ruleKey(at, rule.busName, rule.name), { ...rule, targets });
}

function checkModel(target: GivenTarget): void {
  new Constraints()
    .required("targets.member.id", target.Id)
    .length("targets.member.id", target.Id, 1, 64)
    .pattern("targets.member.id", target.Id, /^[.\-_A-Za-z0-9]+$/, "[\\.\\-_A-Za-z0-9]+")
    .required("targets.member.arn", target.Arn)
    .length("targets.member.arn", target.Arn, 1, 1600)
    .length("targets.member.roleArn", target.RoleArn, 1, 1600)
    .length("targets.member.input", target.Input, 0, INPUT_CHARACTERS_MAX)
    .length("targets.member.inputPath", target.InputPath, 0, 256)
    .length(
      "targets.member.inputTransformer.inputTemplate",
      target.InputTransformer?.InputTemplate,
      1,
      INPUT_CHARACTERS_MAX,
    )
    .range("targets.member.retryPolicy.maximumRetryAttempts", target.RetryPolicy?.MaximumRetryAttempts, 0, 185)
    .range(
      "targets.member.retryPolicy.maximumEventAgeInSeconds",
      target.RetryPolicy?.MaximumEventAgeInSeconds,
      60,
      86_400,
    )
    .check();
}

function targetOf(given: GivenTarget): Target {
  const { Id: id, Arn: arn } = given as { Id: string; Arn: string };
  checkReachable(arn, id);
  const deadLetterArn = given.DeadLetterConfig?.Arn;
  if (deadLetterArn !== undefined) checkDeadLetterQueue(deadLetterArn);
  const messageGroupId = given.SqsParameters?.MessageGroupId;
  if (arn.endsWith(".fifo") && parseArn(arn)!.service === "sqs" && messageGroupId === undefined) {
    throw validation(`Parameter(s) MessageGroupId must be specified for target: ${id}.`);
  }
  const isCluster = parseArn(arn)!.service === "ecs";
  if (!isCluster && given.EcsParameters) throw validation(`EcsParameters are for clusters: target ${id} is none.`);
  const inputTransformer = checkInput(given, id);
  return {
    id,
    arn,
    ...(given.RoleArn === undefined ? {} : { roleArn: given.RoleArn }),
    ...(given.Input ? { input: given.Input } : {}),
    ...(given.InputPath ? { inputPath: given.InputPath } : {}),
    ...(inputTransformer ? { inputTransformer } : {}),
    ...(messageGroupId === undefined ? {} : { messageGroupId }),
    ...(isCluster ? { task: taskOf(given) } : {}),
    ...(deadLetterArn === undefined ? {} : { deadLetterArn }),
    ...(given.RetryPolicy ? { retryPolicy: { ...given.RetryPolicy } } : {}),
  };
}

function checkReachable(arn: string, id: string): void {
  const parts = parseArn(arn);
  if (!parts) throw validation(`Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`);
  if (!Object.hasOwn(REACHABLE, parts.service)) throw notImplemented(`targets of ${parts.service} (${id}: ${arn})`);
  if (!REACHABLE[parts.service]!.test(parts.resource)) {
    throw validation(`Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`);
  }
  if (parts.service === "sns" && parts.resource.endsWith(".fifo"))
    throw notImplemented(`FIFO topics as targets (${arn})`);
}

function checkDeadLetterQueue(arn: string): void {
  const parts = parseArn(arn);
  if (parts?.service !== "sqs") {
    throw validation(`Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`);
  }
  if (parts.resource.endsWith(".fifo"))
    throw validation("Dead-letter queues of rules are standard queues: a FIFO queue is not supported.");
}

/** Checks how the input is made. @returns the transformer to keep */
function checkInput(given: GivenTarget, id: string): Target["inputTransformer"] {
  const { Input, InputPath, InputTransformer } = given;
  if ([Input, InputPath, InputTransformer].filter(Boolean).length > 1) {
    throw validation(`Only one of Input, InputPath, or InputTransformer must be provided for target ${id}.`);
  }
  if (Input && readJson(Input) === undefined) throw validation(`JSON syntax error in input for target ${id}.`);
  if (InputPath) checkPath(InputPath, "InputPath", id);
  if (!InputTransformer) return undefined;
  const paths = Object.entries(InputTransformer.InputPathsMap ?? {});
  if (paths.length > INPUT_PATHS_MAX) {
    throw validation(`InputTransformer of target ${id} has more than ${INPUT_PATHS_MAX} paths.`);
  }
  for (const [name, path] of paths) {
    if (/^aws/i.test(name))
      throw validation(`InputPathsMap of target ${id} uses a name that begins with AWS: ${name}.`);
    checkPath(path, "InputPathsMap", id);
  }
  const template = InputTransformer.InputTemplate;
  if (!template) throw validation(`InputTransformer of target ${id} needs an InputTemplate.`);
  const known = new Set<string>([...RESERVED, ...paths.map(([name]) => name)]);
  for (const [, name] of template.matchAll(PLACEHOLDER)) {
    if (!known.has(name!)) throw validation(`InputTemplate for target ${id} contains invalid placeholder ${name}.`);
  }
  return { paths: Object.fromEntries(paths), template };
}

function checkPath(path: string, member: string, id: string): void {
  try {
    if (path.startsWith("$")) parseJsonPath(path);
    else throw new JsonPathError("it begins with $");
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw validation(`Parameter ${member} of target ${id} is not valid. Reason: ${path} is not a JSON path.`);
  }
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemoveTargets.html */
export function removeTargets(
  tx: Transaction,
  input: InputOf<"events", "RemoveTargets">,
  context: OperationContext,
): OutputOf<"events", "RemoveTargets"> {
  // Force concerns rules that AWS's services manage, and there are none.
  void input.Force;
  new Constraints().required("ids", input.Ids).length("ids", input.Ids, 1, PUT_TARGETS_MAX).check();
  const { at, rule } = requireRule(tx, context, input.EventBusName, input.Rule, "rule");
  keepTargets(
    tx,
    at,
    rule,
    rule.targets.filter(({ id }) => !input.Ids!.includes(id)),
  );
  const known = new Set(rule.targets.map(({ id }) => id));
  const FailedEntries = input
    .Ids!.filter((id) => !known.has(id))
    .map((TargetId) => ({
      TargetId,
      ErrorCode: "ResourceNotFoundException",
      ErrorMessage: `Rule ${rule.name} does not have the target ${TargetId}.`,
    }));
  return { FailedEntryCount: FailedEntries.length, FailedEntries };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html */
export function listTargetsByRule(
  tx: Transaction,
  input: InputOf<"events", "ListTargetsByRule">,
  context: OperationContext,
): OutputOf<"events", "ListTargetsByRule"> {
  const { rule } = requireRule(tx, context, input.EventBusName, input.Rule, "rule");
  const { items, token } = pageOf(rule.targets, ({ id }) => id, input);
  return { Targets: items.map(shown), ...(token ? { NextToken: token } : {}) };
}

function shown(target: Target): GivenTarget {
  const { inputTransformer: transformer } = target;
  return {
    Id: target.id,
    Arn: target.arn,
    ...(target.roleArn === undefined ? {} : { RoleArn: target.roleArn }),
    ...(target.input === undefined ? {} : { Input: target.input }),
    ...(target.inputPath === undefined ? {} : { InputPath: target.inputPath }),
    ...(transformer
      ? { InputTransformer: { InputPathsMap: { ...transformer.paths }, InputTemplate: transformer.template } }
      : {}),
    ...(target.messageGroupId === undefined ? {} : { SqsParameters: { MessageGroupId: target.messageGroupId } }),
    ...(target.task ? { EcsParameters: shownTask(target.task) } : {}),
    ...(target.deadLetterArn === undefined ? {} : { DeadLetterConfig: { Arn: target.deadLetterArn } }),
    ...(target.retryPolicy ? { RetryPolicy: { ...target.retryPolicy } } : {}),
  };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRuleNamesByTarget.html */
export function listRuleNamesByTarget(
  tx: Transaction,
  input: InputOf<"events", "ListRuleNamesByTarget">,
  context: OperationContext,
): OutputOf<"events", "ListRuleNamesByTarget"> {
  new Constraints().required("targetArn", input.TargetArn).length("targetArn", input.TargetArn, 1, 1600).check();
  const at = locateBus(context, input.EventBusName);
  requireBus(tx, at, at.name);
  const { start, end } = keysUnder("events", at.accountId, at.region, "target", input.TargetArn!, at.name);
  const names = [...tx.range(start, end)].map(([found]) => decodeKey(found)[6] as string);
  const { items, token } = pageOf(names, (name) => name, input);
  return { RuleNames: [...items], ...(token ? { NextToken: token } : {}) };
}
