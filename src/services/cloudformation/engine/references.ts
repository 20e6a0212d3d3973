/** Dynamic references of a step's properties, looked up as whoever the stack is made by. */
import { AwsError } from "../../../kernel/errors.ts";
import type { FlowContext, Principal } from "../../service.ts";
import { validationError } from "../errors.ts";
import { type DynamicReference, hasReference, withReferences } from "../template/dynamic-references.ts";
import { coerceProperties } from "../template/properties.ts";
import { isObject, type ValueObject } from "../template/values.ts";
import { principalOf, type RunningStep } from "./step.ts";
import type { Engine } from "./types.ts";

/** Where a secure string may be referred to, of the types that are here. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html */
const SECURE: Readonly<Record<string, readonly string[]>> = { "AWS::IAM::User": ["LoginProfile/Password"] };

/** The step with what its references stand for. @throws AwsError */
export async function withValues(
  engine: Engine,
  flow: FlowContext,
  step: RunningStep,
  typeName: string,
): Promise<RunningStep> {
  const { task } = step;
  if (task.kind === "delete" || !hasReference(task.properties)) return step;
  const principal = await principalOf(flow, step.stack, step.deployment);
  const found = (await withReferences(task.properties as ValueObject, (reference, path) => {
    if (reference.service === "ssm-secure" && !SECURE[typeName]?.includes(path)) {
      throw validationError(`SSM Secure reference is not supported in: [${typeName}/Properties/${path}]`);
    }
    return lookUp(flow, principal, reference);
  })) as ValueObject;
  const type = engine.resourceTypes().get(typeName);
  const properties = type ? coerceProperties(type, task.logicalId, found) : found;
  return { ...step, task: { ...task, properties } };
}

async function lookUp(flow: FlowContext, principal: Principal, reference: DynamicReference): Promise<string> {
  if (reference.service === "secretsmanager") return secretValue(flow, principal, reference);
  const { name, version, service } = reference;
  const Name = version === undefined ? name : `${name}:${version}`;
  const { Parameter } = await flow
    .call("ssm", "GetParameter", { Name, WithDecryption: service === "ssm-secure" }, { principal })
    .catch((error: unknown) => {
      if (!(error instanceof AwsError && /^Parameter(Version)?NotFound$/.test(error.code))) throw error;
      throw validationError(`Unable to fetch parameters [${Name}] from parameter store for this account.`);
    });
  if ((Parameter!.Type === "SecureString") !== (service === "ssm-secure")) {
    const other = service === "ssm" ? "ssm-secure" : "ssm";
    throw validationError(`Parameter ${name} is of the type ${Parameter!.Type}: it is referred to by ${other}.`);
  }
  return Parameter!.Value!;
}

async function secretValue(
  flow: FlowContext,
  principal: Principal,
  { secretId, jsonKey, versionStage, versionId }: Extract<DynamicReference, { service: "secretsmanager" }>,
): Promise<string> {
  const { SecretString } = await flow.call(
    "secretsmanager",
    "GetSecretValue",
    { SecretId: secretId, VersionStage: versionStage, VersionId: versionId },
    { principal },
  );
  if (SecretString === undefined) throw validationError(`The secret ${secretId} has no SecretString.`);
  if (jsonKey === undefined) return SecretString;
  let document: unknown;
  try {
    document = JSON.parse(SecretString);
  } catch {
    throw validationError("Could not parse SecretString JSON");
  }
  const value = isObject(document) && Object.hasOwn(document, jsonKey) ? document[jsonKey] : undefined;
  if (value === undefined) throw validationError("Could not find a value associated with JSONKey in SecretString");
  return typeof value === "string" ? value : JSON.stringify(value);
}
