/** The execution role that SAM makes for a function without one. */
import { isObject, type Value } from "../template/values.ts";
import { invalidResource } from "./errors.ts";
import { expandPolicyTemplate, isPolicyTemplate } from "./policy-templates.ts";
import { type Draft, isIntrinsic, present } from "./shapes.ts";

const SERVICE_ROLE = "arn:aws:iam::aws:policy/service-role/";

/** AWS-managed policies that live under a path; others are `policy/NAME`. */
const SERVICE_ROLE_POLICIES: ReadonlySet<string> = new Set([
  "AWSLambdaBasicExecutionRole",
  "AWSLambdaDynamoDBExecutionRole",
  "AWSLambdaKinesisExecutionRole",
  "AWSLambdaMSKExecutionRole",
  "AWSLambdaRole",
  "AWSLambdaSQSQueueExecutionRole",
  "AWSLambdaVPCAccessExecutionRole",
]);

export const managedPolicy = (name: string): string =>
  SERVICE_ROLE_POLICIES.has(name) ? SERVICE_ROLE + name : `arn:aws:iam::aws:policy/${name}`;

export interface RoleParts {
  readonly functionId: string;
  /** The function's `Policies`. */
  readonly policies: Value | undefined;
  /** Names of AWS-managed policies that its settings call for. */
  readonly managed: readonly string[];
  /** Those that its events call for. */
  readonly eventsManaged: readonly string[];
  /** Inline policies that its settings call for, before its own. */
  readonly inline: readonly Draft[];
  readonly tags: readonly Draft[];
  readonly path?: Value | undefined;
  readonly boundary?: Value | undefined;
  readonly trust?: Value | undefined;
}

export function executionRole(parts: RoleParts): Draft {
  const roleId = `${parts.functionId}Role`;
  const managed: Value[] = [managedPolicy("AWSLambdaBasicExecutionRole"), ...parts.managed.map(managedPolicy)];
  const inline: Draft[] = [...parts.inline];
  listOf(parts.policies).forEach((policy, index) => {
    const named = (document: Value | Draft) => ({ PolicyName: `${roleId}Policy${index}`, PolicyDocument: document });
    if (typeof policy === "string") {
      managed.push(policy.startsWith("arn:") ? policy : managedPolicy(policy));
    } else if (isPolicyTemplate(policy)) inline.push(named(expandPolicyTemplate(parts.functionId, policy)));
    else if (isObject(policy) && policy["Statement"] !== undefined) inline.push(named(policy));
    else if (isIntrinsic(policy) && policy["Fn::If"] !== undefined)
      conditional(parts.functionId, policy["Fn::If"], named, managed, inline);
    else if (isIntrinsic(policy)) managed.push(policy);
    else throw invalidResource(parts.functionId, `Policy at index ${index} in the 'Policies' property is not valid`);
  });
  managed.push(...parts.eventsManaged.map(managedPolicy));
  const unique = managed.filter((arn, index) => typeof arn !== "string" || managed.indexOf(arn) === index);
  return present({
    AssumeRolePolicyDocument: parts.trust ?? {
      Version: "2012-10-17",
      Statement: [{ Action: ["sts:AssumeRole"], Effect: "Allow", Principal: { Service: ["lambda.amazonaws.com"] } }],
    },
    ManagedPolicyArns: unique,
    Policies: inline.length > 0 ? inline : undefined,
    Path: parts.path,
    PermissionsBoundary: parts.boundary,
    Tags: parts.tags,
  });
}

function listOf(policies: Value | undefined): readonly Value[] {
  if (policies === undefined) return [];
  return Array.isArray(policies) ? policies : [policies];
}

/** `Fn::If` between policies: each branch becomes what it is, or nothing. */
function conditional(
  functionId: string,
  argument: Value | undefined,
  named: (document: Value | Draft) => Draft,
  managed: Value[],
  inline: Draft[],
): void {
  if (!Array.isArray(argument) || argument.length !== 3) {
    throw invalidResource(functionId, "A Fn::If in the 'Policies' property needs a condition and two values");
  }
  const [condition, ...branches] = argument as Value[];
  const nothing = { Ref: "AWS::NoValue" };
  const documents = branches.map((branch) => {
    if (isPolicyTemplate(branch)) return named(expandPolicyTemplate(functionId, branch));
    return isObject(branch) && branch["Statement"] !== undefined ? named(branch) : undefined;
  });
  if (documents.some((document) => document !== undefined)) {
    inline.push({ "Fn::If": [condition, ...documents.map((document) => document ?? nothing)] });
  }
  const arns = branches.map((branch, index) => {
    if (documents[index] !== undefined) return undefined;
    if (typeof branch === "string") return branch.startsWith("arn:") ? branch : managedPolicy(branch);
    return isObject(branch) && branch["Ref"] === "AWS::NoValue" ? undefined : branch;
  });
  if (arns.some((arn) => arn !== undefined)) {
    managed.push({ "Fn::If": [condition!, ...arns.map((arn) => arn ?? nothing)] });
  }
}
