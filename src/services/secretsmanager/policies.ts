/** Resource policies of secrets: who else may read them. */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { readPolicy } from "../policy-common/document.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { malformedPolicy } from "./errors.ts";
import { requireLive } from "./find.ts";
import { Secrets, secretArn, secretKey } from "./state.ts";

const POLICY_CHARACTERS_MAX = 20_480;

function check(text: string | undefined): void {
  new Constraints().required("resourcePolicy", text).length("resourcePolicy", text, 1, POLICY_CHARACTERS_MAX).check();
  try {
    readPolicy(text!);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw malformedPolicy(`This resource policy contains invalid Json: ${error.message}`);
  }
}

/** A statement that lets everybody in, on no condition. */
function isPublic(text: string): boolean {
  const { Statement } = JSON.parse(text) as { Statement: unknown };
  return (Array.isArray(Statement) ? Statement : [Statement]).some((statement) => {
    const { Effect, Principal, Condition } = statement as { Effect?: string; Principal?: any; Condition?: unknown };
    const everybody = Principal === "*" || [Principal?.AWS].flat().includes("*");
    return Effect === "Allow" && everybody && Condition === undefined;
  });
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html */
export function putResourcePolicy(
  tx: Transaction,
  input: InputOf<"secretsmanager", "PutResourcePolicy">,
  context: OperationContext,
): OutputOf<"secretsmanager", "PutResourcePolicy"> {
  check(input.ResourcePolicy);
  const { at, secret } = requireLive(tx, context, input.SecretId);
  if (input.BlockPublicPolicy && isPublic(input.ResourcePolicy!)) {
    throw new AwsError(
      "PublicPolicyException",
      "You can't attach a resource policy that allows broad access to the secret. To allow access, set BlockPublicPolicy to false.",
    );
  }
  Secrets.put(tx, secretKey(at, secret.name), { ...secret, policy: input.ResourcePolicy! });
  return { ARN: secretArn(at, secret), Name: secret.name };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetResourcePolicy.html */
export function getResourcePolicy(
  tx: Transaction,
  input: InputOf<"secretsmanager", "GetResourcePolicy">,
  context: OperationContext,
): OutputOf<"secretsmanager", "GetResourcePolicy"> {
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const policy = secret.policy === undefined ? {} : { ResourcePolicy: secret.policy };
  return { ARN: secretArn(at, secret), Name: secret.name, ...policy };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteResourcePolicy.html */
export function deleteResourcePolicy(
  tx: Transaction,
  input: InputOf<"secretsmanager", "DeleteResourcePolicy">,
  context: OperationContext,
): OutputOf<"secretsmanager", "DeleteResourcePolicy"> {
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const { policy: _before, ...rest } = secret;
  Secrets.put(tx, secretKey(at, secret.name), rest);
  return { ARN: secretArn(at, secret), Name: secret.name };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ValidateResourcePolicy.html */
export function validateResourcePolicy(
  tx: Transaction,
  input: InputOf<"secretsmanager", "ValidateResourcePolicy">,
  context: OperationContext,
): OutputOf<"secretsmanager", "ValidateResourcePolicy"> {
  check(input.ResourcePolicy);
  if (input.SecretId !== undefined) requireLive(tx, context, input.SecretId);
  if (!isPublic(input.ResourcePolicy!)) return { PolicyValidationPassed: true, ValidationErrors: [] };
  const problem = { CheckName: "Public policy", ErrorMessage: "Resource policy grants public access to the secret." };
  return { PolicyValidationPassed: false, ValidationErrors: [problem] };
}
