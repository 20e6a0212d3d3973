/** Secrets: create, describe, change, tag, delete and restore. */
import { mixedId } from "../../kernel/ids.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { invalidParameter, invalidRequest, secretExists } from "./errors.ts";
import { findSecret, requireLive, requireSecret } from "./find.ts";
import {
  CURRENT,
  type Secret,
  Secrets,
  secretArn,
  secretKey,
  stagesOf,
  Versions,
  versionKey,
  type Where,
} from "./state.ts";
import { addVersion, checkValue, hasValue, versionIdOf } from "./versions.ts";

export const DELETION_DUE = "secretsmanager.DeletionDue";
const DAY_MS = 86_400_000;
const RECOVERY_DAYS_DEFAULT = 30;
const TAGS_MAX = 50;

type GivenTags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined;

function tagsOf(tags: GivenTags): Record<string, string> {
  const found = new Constraints();
  for (const { Key, Value } of tags ?? []) {
    found.required("tags.member.key", Key).length("tags.member.key", Key, 1, 128);
    found.required("tags.member.value", Value).length("tags.member.value", Value, 0, 256);
  }
  found.check();
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key!, Value!]));
}

function checkTagCount(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length > TAGS_MAX) throw invalidParameter(`A secret has at most ${TAGS_MAX} tags.`);
}

/**
 * @throws ValidationException, InvalidParameterException, InvalidRequestException, ResourceExistsException
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
 */
export function createSecret(
  tx: Transaction,
  input: InputOf<"secretsmanager", "CreateSecret">,
  context: OperationContext,
): OutputOf<"secretsmanager", "CreateSecret"> {
  const name = input.Name!;
  new Constraints()
    .required("name", input.Name)
    .length("name", input.Name, 1, 512)
    .length("description", input.Description, 0, 2048)
    .check();
  if (!/^[A-Za-z0-9/_+=.@!-]+$/.test(name)) {
    throw invalidParameter(
      "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    );
  }
  checkValue(input);
  const tags = tagsOf(input.Tags);
  checkTagCount(tags);
  const versionId = versionIdOf(input.ClientRequestToken, context);
  const known = Secrets.get(tx, secretKey(context, name));
  if (known?.deletionMs !== undefined) {
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  if (known) {
    const repeated = input.ClientRequestToken !== undefined && known.stages[CURRENT] === versionId;
    if (!repeated) throw secretExists(name);
    addVersion(tx, { at: context, secret: known }, versionId, input, [CURRENT], context);
    return { ARN: secretArn(context, known), Name: name, VersionId: versionId };
  }
  const made: Secret = {
    name,
    id: `${name}-${mixedId(context.random, 6)}`,
    ...(input.Description === undefined ? {} : { description: input.Description }),
    createdMs: context.nowMs,
    changedMs: context.nowMs,
    stages: {},
    tags,
  };
  const at: Where = { accountId: context.accountId, region: context.region };
  const filled = hasValue(input) ? addVersion(tx, { at, secret: made }, versionId, input, [CURRENT], context) : made;
  Secrets.put(tx, secretKey(at, name), filled);
  return { ARN: secretArn(at, made), Name: name, ...(hasValue(input) ? { VersionId: versionId } : {}) };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html */
export function updateSecret(
  tx: Transaction,
  input: InputOf<"secretsmanager", "UpdateSecret">,
  context: OperationContext,
): OutputOf<"secretsmanager", "UpdateSecret"> {
  new Constraints().length("description", input.Description, 0, 2048).check();
  const { at, secret } = requireLive(tx, context, input.SecretId);
  checkValue(input);
  const versionId = hasValue(input) ? versionIdOf(input.ClientRequestToken, context) : undefined;
  const filled =
    versionId === undefined ? secret : addVersion(tx, { at, secret }, versionId, input, [CURRENT], context);
  Secrets.put(tx, secretKey(at, secret.name), {
    ...filled,
    ...(input.Description === undefined ? {} : { description: input.Description }),
    changedMs: context.nowMs,
  });
  return {
    ARN: secretArn(at, secret),
    Name: secret.name,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
  };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html */
export function describeSecret(
  tx: Transaction,
  input: InputOf<"secretsmanager", "DescribeSecret">,
  context: OperationContext,
): OutputOf<"secretsmanager", "DescribeSecret"> {
  const { at, secret } = requireSecret(tx, context, input.SecretId);
  return { ...shown(at, secret), VersionIdsToStages: stagesByVersion(secret) };
}

export function stagesByVersion(secret: Secret): Record<string, string[]> {
  const ids = new Set(Object.values(secret.stages));
  return Object.fromEntries([...ids].map((id) => [id, stagesOf(secret, id)]));
}

/** What lists and descriptions share. */
export function shown(at: Where, secret: Secret) {
  const { rotation } = secret;
  const date = (name: string, ms: number | undefined) => (ms === undefined ? {} : { [name]: new Date(ms) });
  return {
    ARN: secretArn(at, secret),
    Name: secret.name,
    ...(secret.description === undefined ? {} : { Description: secret.description }),
    ...(rotation
      ? {
          RotationEnabled: rotation.enabled,
          RotationLambdaARN: rotation.lambdaArn,
          RotationRules: { ...rotation.rules },
        }
      : {}),
    ...date("LastRotatedDate", secret.rotatedMs),
    ...date("LastChangedDate", secret.changedMs),
    ...date("LastAccessedDate", secret.accessedMs),
    ...date("DeletedDate", secret.deletionMs),
    ...date("NextRotationDate", rotation?.nextMs),
    Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
    CreatedDate: new Date(secret.createdMs),
  };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html */
export function deleteSecret(
  tx: Transaction,
  input: InputOf<"secretsmanager", "DeleteSecret">,
  context: OperationContext,
): OutputOf<"secretsmanager", "DeleteSecret"> {
  const { RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: force } = input;
  if (force && days !== undefined) {
    throw invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  if (days !== undefined && (days < 7 || days > 30)) {
    throw invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
  }
  // What is not there is deleted already, for whoever does not want it back.
  if (force && input.SecretId && !findSecret(tx, context, input.SecretId)) {
    return { Name: input.SecretId, DeletionDate: new Date(context.nowMs) };
  }
  const { at, secret } = requireSecret(tx, context, input.SecretId);
  if (secret.deletionMs !== undefined && !force) {
    throw invalidRequest(
      "You can't perform this operation on the secret because it was already scheduled for deletion.",
    );
  }
  const deletionMs = context.nowMs + (force ? 0 : (days ?? RECOVERY_DAYS_DEFAULT) * DAY_MS);
  if (force) remove(tx, at, secret.name);
  else {
    Secrets.put(tx, secretKey(at, secret.name), { ...secret, deletionMs });
    tx.emit({ type: DELETION_DUE, detail: { ...at, name: secret.name, deletionMs }, dueMs: deletionMs });
  }
  return { ARN: secretArn(at, secret), Name: secret.name, DeletionDate: new Date(deletionMs) };
}

function remove(tx: Transaction, at: Where, name: string): void {
  const { start, end } = keysUnder("secretsmanager", at.accountId, at.region, "version", name);
  for (const [, { id }] of [...Versions.range(tx, start, end)]) tx.delete(versionKey(at, name, id));
  tx.delete(secretKey(at, name));
}

/** The recovery window ended, unless the secret was restored meanwhile. */
export function deletionDue(
  tx: Transaction,
  due: Where & { readonly name: string; readonly deletionMs: number },
): void {
  if (Secrets.get(tx, secretKey(due, due.name))?.deletionMs === due.deletionMs) remove(tx, due, due.name);
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html */
export function restoreSecret(
  tx: Transaction,
  input: InputOf<"secretsmanager", "RestoreSecret">,
  context: OperationContext,
): OutputOf<"secretsmanager", "RestoreSecret"> {
  const { at, secret } = requireSecret(tx, context, input.SecretId);
  const { deletionMs: _ended, ...rest } = secret;
  Secrets.put(tx, secretKey(at, secret.name), rest);
  return { ARN: secretArn(at, secret), Name: secret.name };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html */
export function tagResource(
  tx: Transaction,
  input: InputOf<"secretsmanager", "TagResource">,
  context: OperationContext,
): OutputOf<"secretsmanager", "TagResource"> {
  new Constraints().required("tags", input.Tags).check();
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const tags = { ...secret.tags, ...tagsOf(input.Tags) };
  checkTagCount(tags);
  Secrets.put(tx, secretKey(at, secret.name), { ...secret, tags });
  return {};
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UntagResource.html */
export function untagResource(
  tx: Transaction,
  input: InputOf<"secretsmanager", "UntagResource">,
  context: OperationContext,
): OutputOf<"secretsmanager", "UntagResource"> {
  new Constraints().required("tagKeys", input.TagKeys).check();
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const tags = Object.fromEntries(Object.entries(secret.tags).filter(([name]) => !input.TagKeys!.includes(name)));
  Secrets.put(tx, secretKey(at, secret.name), { ...secret, tags });
  return {};
}
