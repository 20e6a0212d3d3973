/**
 * AWS Secrets Manager: secrets in versions with staging labels, rotated by functions.
 *
 * `state.ts` says what is kept; `secrets.ts`, `versions.ts`, `lists.ts`, `policies.ts`, `rotation.ts` and `random-password.ts` hold the
 * operations; `find.ts` what an id means.
 */
import { arn, parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { defineService, type OperationContext, type Permission } from "../service.ts";
import { findSecret } from "./find.ts";
import { batchGetSecretValue, listSecrets } from "./lists.ts";
import { deleteResourcePolicy, getResourcePolicy, putResourcePolicy, validateResourcePolicy } from "./policies.ts";
import { getRandomPassword } from "./random-password.ts";
import { resources } from "./resources.ts";
import {
  cancelRotateSecret,
  ROTATION_DUE,
  ROTATION_STEP,
  rotateSecret,
  rotationDue,
  rotationStep,
} from "./rotation.ts";
import {
  createSecret,
  DELETION_DUE,
  deleteSecret,
  deletionDue,
  describeSecret,
  restoreSecret,
  tagResource,
  untagResource,
  updateSecret,
} from "./secrets.ts";
import { getSecretValue, listSecretVersionIds, putSecretValue, updateSecretVersionStage } from "./versions.ts";

type Where = Pick<OperationContext, "accountId" | "region" | "call">;

/** Policies are written for ARNs: a name stands for the one of the secret that has it. */
const onSecret =
  (action: string) =>
  ({ SecretId = "" }: { readonly SecretId?: string | undefined }, at: Where): Permission => ({
    action: `secretsmanager:${action}`,
    resource: arnOf(SecretId, at) ?? unknownArn(SecretId, at),
  });

function arnOf(SecretId: string, at: Where): string | undefined {
  try {
    const principal = { type: "service", service: "secretsmanager.amazonaws.com" } as const;
    return at.call("secretsmanager", "ListSecretVersionIds", { SecretId, MaxResults: 1 }, { principal }).ARN;
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

/** Of a secret that is not there: with any six characters at its end, as policies write it. */
const unknownArn = (id: string, { accountId, region }: Where): string =>
  parseArn(id) ? id : arn("secretsmanager", region, accountId, `secret:${id}-??????`);

export const secretsmanager = defineService<"secretsmanager">({
  name: "secretsmanager",
  operations: {
    BatchGetSecretValue: batchGetSecretValue,
    CancelRotateSecret: cancelRotateSecret,
    CreateSecret: createSecret,
    DeleteResourcePolicy: deleteResourcePolicy,
    DeleteSecret: deleteSecret,
    DescribeSecret: describeSecret,
    GetRandomPassword: getRandomPassword,
    GetResourcePolicy: getResourcePolicy,
    GetSecretValue: getSecretValue,
    ListSecrets: listSecrets,
    ListSecretVersionIds: listSecretVersionIds,
    PutResourcePolicy: putResourcePolicy,
    PutSecretValue: putSecretValue,
    RestoreSecret: restoreSecret,
    RotateSecret: rotateSecret,
    TagResource: tagResource,
    UntagResource: untagResource,
    UpdateSecret: updateSecret,
    UpdateSecretVersionStage: updateSecretVersionStage,
    ValidateResourcePolicy: validateResourcePolicy,
  },
  unsupported: {
    CreateSecret: ["AddReplicaRegions", "ForceOverwriteReplicaSecret", "KmsKeyId", "Type"],
    PutSecretValue: ["RotationToken"],
    RotateSecret: ["ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn"],
    UpdateSecret: ["KmsKeyId", "Type"],
  },
  permissions: {
    CancelRotateSecret: onSecret("CancelRotateSecret"),
    CreateSecret: ({ Name = "" }, at) => ({
      action: "secretsmanager:CreateSecret",
      resource: unknownArn(Name, at),
    }),
    DeleteResourcePolicy: onSecret("DeleteResourcePolicy"),
    DeleteSecret: onSecret("DeleteSecret"),
    DescribeSecret: onSecret("DescribeSecret"),
    GetResourcePolicy: onSecret("GetResourcePolicy"),
    GetSecretValue: onSecret("GetSecretValue"),
    // By this one names are looked up: it takes them as they are.
    ListSecretVersionIds: ({ SecretId = "" }, at) => ({
      action: "secretsmanager:ListSecretVersionIds",
      resource: unknownArn(SecretId, at),
    }),
    PutResourcePolicy: onSecret("PutResourcePolicy"),
    PutSecretValue: onSecret("PutSecretValue"),
    RestoreSecret: onSecret("RestoreSecret"),
    RotateSecret: onSecret("RotateSecret"),
    TagResource: onSecret("TagResource"),
    UntagResource: onSecret("UntagResource"),
    UpdateSecret: onSecret("UpdateSecret"),
    UpdateSecretVersionStage: onSecret("UpdateSecretVersionStage"),
    ValidateResourcePolicy: onSecret("ValidateResourcePolicy"),
    BatchGetSecretValue: ({ SecretIdList }, at) => [
      { action: "secretsmanager:BatchGetSecretValue", resource: "*" },
      ...(SecretIdList ?? []).map((SecretId) => onSecret("GetSecretValue")({ SecretId }, at)),
      ...(SecretIdList ? [] : [{ action: "secretsmanager:ListSecrets", resource: "*" }]),
    ],
  },
  resourcePolicy(tx, resource) {
    const at = parseArn(resource);
    return at && findSecret(tx, at, resource)?.secret.policy;
  },
  hears: {
    [DELETION_DUE]: { operation: deletionDue },
    [ROTATION_DUE]: { operation: rotationDue },
    [ROTATION_STEP]: { flow: rotationStep },
  },
  resources,
});
