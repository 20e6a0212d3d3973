/** Versions of secrets: their values, and which staging label is on which. */
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { seal, unseal } from "../sealed-common/seal.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { pageOf } from "../validation-common/pages.ts";
import { invalidParameter, invalidRequest, limitExceeded, tokenInUse, valueNotFound } from "./errors.ts";
import { type Found, requireLive } from "./find.ts";
import {
  CURRENT,
  PREVIOUS,
  type Secret,
  Secrets,
  secretArn,
  secretKey,
  stagesOf,
  type Version,
  Versions,
  versionKey,
  type Where,
} from "./state.ts";

const VALUE_BYTES_MAX = 65_536;
/** Of those without a label the oldest go; with labels there may not be more. */
const VERSIONS_MAX = 100;
const STAGES_PER_SECRET_MAX = 20;
const DAY_MS = 86_400_000;

export interface GivenValue {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
}

export const hasValue = ({ SecretString, SecretBinary }: GivenValue): boolean =>
  SecretString !== undefined || SecretBinary !== undefined;

export function checkValue({ SecretString, SecretBinary }: GivenValue): void {
  if (SecretString !== undefined && SecretBinary !== undefined) {
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  new Constraints()
    .length("secretString", SecretString === undefined ? undefined : Buffer.from(SecretString), 1, VALUE_BYTES_MAX)
    .length("secretBinary", SecretBinary, 1, VALUE_BYTES_MAX)
    .check();
}

/** A version's id: the request's token, or one of its own. */
export function versionIdOf(token: string | undefined, context: OperationContext): string {
  if (token === undefined) return context.random.uuid();
  if (token.length < 32 || token.length > 64) {
    throw invalidParameter("ClientRequestToken must be 32-64 characters long.");
  }
  return token;
}

/**
 * Adds a version and puts labels on it. The same token with the same value changes nothing.
 * @returns the secret with its labels, not yet kept
 * @throws ResourceExistsException, LimitExceededException
 */
export function addVersion(
  tx: Transaction,
  { at, secret }: Found,
  versionId: string,
  value: GivenValue,
  stages: readonly string[],
  context: OperationContext,
): Secret {
  const place = versionKey(at, secret.name, versionId);
  const known = Versions.get(tx, place);
  if (known) {
    if (!sameValue(tx, at, known, value)) throw tokenInUse(versionId, secretArn(at, secret));
    return secret;
  }
  makeRoom(tx, at, secret);
  const version: Version = {
    id: versionId,
    createdMs: context.nowMs,
    ...(value.SecretString === undefined ? {} : { text: seal(tx, at, context.random, value.SecretString) }),
    ...(value.SecretBinary === undefined ? {} : { binary: seal(tx, at, context.random, value.SecretBinary) }),
  };
  Versions.put(tx, place, version);
  return withStages(secret, versionId, stages);
}

function sameValue(tx: Transaction, at: Where, known: Version, { SecretString, SecretBinary }: GivenValue): boolean {
  const { text, binary } = known;
  if (SecretString !== undefined) return text !== undefined && unseal(tx, at, text).toString("utf8") === SecretString;
  return SecretBinary !== undefined && binary !== undefined && unseal(tx, at, binary).equals(Buffer.from(SecretBinary));
}

/** Moves labels to a version. What was current becomes previous. */
export function withStages(secret: Secret, versionId: string, stages: readonly string[]): Secret {
  const moved: Record<string, string> = { ...secret.stages };
  for (const stage of stages) moved[stage] = versionId;
  const before = secret.stages[CURRENT];
  if (stages.includes(CURRENT) && before !== undefined && before !== versionId) moved[PREVIOUS] = before;
  if (Object.keys(moved).length > STAGES_PER_SECRET_MAX) {
    throw limitExceeded(`A secret has at most ${STAGES_PER_SECRET_MAX} staging labels.`);
  }
  return { ...secret, stages: moved };
}

function makeRoom(tx: Transaction, at: Where, secret: Secret): void {
  const { start, end } = keysUnder("secretsmanager", at.accountId, at.region, "version", secret.name);
  const versions = [...Versions.range(tx, start, end)].map(([, version]) => version);
  if (versions.length < VERSIONS_MAX) return;
  const oldest = versions
    .filter(({ id }) => stagesOf(secret, id).length === 0)
    .sort((left, right) => left.createdMs - right.createdMs)[0];
  if (!oldest) throw limitExceeded(`A secret has at most ${VERSIONS_MAX} versions with staging labels.`);
  tx.delete(versionKey(at, secret.name, oldest.id));
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html */
export function putSecretValue(
  tx: Transaction,
  input: InputOf<"secretsmanager", "PutSecretValue">,
  context: OperationContext,
): OutputOf<"secretsmanager", "PutSecretValue"> {
  new Constraints().length("versionStages", input.VersionStages, 1, STAGES_PER_SECRET_MAX).check();
  const { at, secret } = requireLive(tx, context, input.SecretId);
  checkValue(input);
  if (!hasValue(input)) throw invalidRequest("You must provide either SecretString or SecretBinary.");
  const versionId = versionIdOf(input.ClientRequestToken, context);
  // The first value is the current one, whatever else it is.
  const stages = [...(input.VersionStages ?? [CURRENT]), ...(secret.stages[CURRENT] === undefined ? [CURRENT] : [])];
  const changed = addVersion(tx, { at, secret }, versionId, input, stages, context);
  Secrets.put(tx, secretKey(at, secret.name), { ...changed, changedMs: context.nowMs });
  return {
    ARN: secretArn(at, secret),
    Name: secret.name,
    VersionId: versionId,
    VersionStages: stagesOf(changed, versionId),
  };
}

/** A value as GetSecretValue shows it. @throws ResourceNotFoundException */
export function readValue(
  tx: Transaction,
  { at, secret }: Found,
  { VersionId, VersionStage }: { readonly VersionId?: string | undefined; readonly VersionStage?: string | undefined },
) {
  const stage = VersionStage ?? (VersionId === undefined ? CURRENT : undefined);
  const staged = stage === undefined ? undefined : secret.stages[stage];
  if (stage !== undefined && staged === undefined) throw valueNotFound(`staging label: ${stage}`);
  if (VersionId !== undefined && staged !== undefined && staged !== VersionId) {
    throw invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.");
  }
  const id = VersionId ?? staged!;
  const version = Versions.get(tx, versionKey(at, secret.name, id));
  if (!version) throw valueNotFound(`VersionId: ${id}`);
  return {
    ARN: secretArn(at, secret),
    Name: secret.name,
    VersionId: id,
    ...(version.text === undefined ? {} : { SecretString: unseal(tx, at, version.text).toString("utf8") }),
    ...(version.binary === undefined ? {} : { SecretBinary: new Uint8Array(unseal(tx, at, version.binary)) }),
    VersionStages: stagesOf(secret, id),
    CreatedDate: new Date(version.createdMs),
  };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html */
export function getSecretValue(
  tx: Transaction,
  input: InputOf<"secretsmanager", "GetSecretValue">,
  context: OperationContext,
): OutputOf<"secretsmanager", "GetSecretValue"> {
  const found = requireLive(tx, context, input.SecretId);
  const value = readValue(tx, found, input);
  noteAccess(tx, found, context.nowMs);
  return value;
}

/** To the day, so that a secret that is read often is written once a day. */
export function noteAccess(tx: Transaction, { at, secret }: Found, nowMs: number): void {
  const accessedMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  if (secret.accessedMs !== accessedMs) Secrets.put(tx, secretKey(at, secret.name), { ...secret, accessedMs });
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html */
export function updateSecretVersionStage(
  tx: Transaction,
  input: InputOf<"secretsmanager", "UpdateSecretVersionStage">,
  context: OperationContext,
): OutputOf<"secretsmanager", "UpdateSecretVersionStage"> {
  new Constraints()
    .required("versionStage", input.VersionStage)
    .length("versionStage", input.VersionStage, 1, 256)
    .check();
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const { VersionStage: stage, MoveToVersionId: to, RemoveFromVersionId: from } = input;
  const on = secret.stages[stage!];
  for (const id of [to, from]) {
    if (id !== undefined && !Versions.get(tx, versionKey(at, secret.name, id))) throw valueNotFound(`VersionId: ${id}`);
  }
  if (to !== undefined && on !== undefined && on !== to && from !== on) {
    throw invalidParameter(
      from === undefined
        ? `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${on}, so you must explicitly reference that version in RemoveFromVersionId.`
        : `Staging label ${stage} isn't attached to version ${from}.`,
    );
  }
  if (to === undefined) {
    if (from === undefined) throw invalidParameter("You must specify MoveToVersionId or RemoveFromVersionId.");
    if (on !== from) throw invalidParameter(`Staging label ${stage} isn't attached to version ${from}.`);
    if (stage === CURRENT)
      throw invalidParameter(
        "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
      );
    const { [stage!]: _removed, ...stages } = secret.stages;
    Secrets.put(tx, secretKey(at, secret.name), { ...secret, stages, changedMs: context.nowMs });
  } else {
    Secrets.put(tx, secretKey(at, secret.name), { ...withStages(secret, to, [stage!]), changedMs: context.nowMs });
  }
  return { ARN: secretArn(at, secret), Name: secret.name };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html */
export function listSecretVersionIds(
  tx: Transaction,
  input: InputOf<"secretsmanager", "ListSecretVersionIds">,
  context: OperationContext,
): OutputOf<"secretsmanager", "ListSecretVersionIds"> {
  new Constraints().range("maxResults", input.MaxResults, 1, 100).check();
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const { start, end } = keysUnder("secretsmanager", at.accountId, at.region, "version", secret.name);
  const versions = [...Versions.range(tx, start, end)]
    .map(([, version]) => version)
    .filter(({ id }) => input.IncludeDeprecated || stagesOf(secret, id).length > 0);
  const page = pageOf(versions, ({ id }) => id, { limit: input.MaxResults ?? 100, token: input.NextToken });
  return {
    ARN: secretArn(at, secret),
    Name: secret.name,
    Versions: page.items.map(({ id, createdMs }) => {
      const stages = stagesOf(secret, id);
      return {
        VersionId: id,
        ...(stages.length > 0 ? { VersionStages: stages } : {}),
        CreatedDate: new Date(createdMs),
        KmsKeyIds: ["DefaultEncryptionKey"],
      };
    }),
    ...(page.token ? { NextToken: page.token } : {}),
  };
}
