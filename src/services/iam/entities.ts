/** What users, groups and roles have in common: how they are found, named and counted, and what hangs on them. */
import { type AccountId, type Arn, arn } from "../../kernel/arn.ts";
import { decodeKey, type Key } from "../../storage/keys.ts";
import type { RecordType } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { deleteConflict, noSuchEntity, quotaExceeded } from "./errors.ts";
import { checkName } from "./rules.ts";
import {
  attached,
  bounded,
  type Entity,
  type EntityKind,
  type EntityName,
  entityNameKey,
  entityNames,
  type Group,
  groupKey,
  groups,
  inline,
  type KeyRange,
  links,
  type Role,
  roleKey,
  roles,
  type User,
  userKey,
  users,
} from "./state.ts";

interface Kinds {
  user: User;
  group: Group;
  role: Role;
}

const TABLES: { readonly [K in EntityKind]: RecordType<Kinds[K]> } = { user: users, group: groups, role: roles };
const KEYS: Record<EntityKind, (accountId: AccountId, name: string) => Key> = {
  user: userKey,
  group: groupKey,
  role: roleKey,
};

/** `arn:aws:iam::123456789012:role/path/name` */
export function entityArn(accountId: AccountId, kind: EntityKind, { path, name }: Pick<Entity, "path" | "name">): Arn {
  return arn("iam", "", accountId, `${kind}${path}${name}`);
}

/** @throws ValidationError, NoSuchEntity */
export function findEntity<K extends EntityKind>(
  tx: Transaction,
  accountId: AccountId,
  kind: K,
  name: string | undefined,
): Kinds[K] {
  const checked = checkName(`${kind}Name`, name);
  const entity = TABLES[kind].get(tx, KEYS[kind](accountId, checked));
  if (!entity) throw noSuchEntity(`The ${kind} with name ${checked} cannot be found.`);
  return entity;
}

/** The entity of an id that some other record holds. */
export function entityById(
  tx: Transaction,
  accountId: AccountId,
  id: string,
): { readonly kind: EntityKind; readonly entity: Entity } | undefined {
  const known: EntityName | undefined = entityNames.get(tx, entityNameKey(accountId, id));
  if (!known) return undefined;
  const entity = TABLES[known.kind].get(tx, KEYS[known.kind](accountId, known.name));
  return entity && { kind: known.kind, entity };
}

export function saveEntity<K extends EntityKind>(
  tx: Transaction,
  accountId: AccountId,
  kind: K,
  entity: Kinds[K],
): void {
  TABLES[kind].put(tx, KEYS[kind](accountId, entity.name), entity);
  entityNames.put(tx, entityNameKey(accountId, entity.id), { kind, name: entity.name });
}

/** Moves an entity to another name; what hangs on it stays where it is. */
export function renameEntity<K extends EntityKind>(
  tx: Transaction,
  accountId: AccountId,
  kind: K,
  oldName: string,
  entity: Kinds[K],
): void {
  tx.delete(KEYS[kind](accountId, oldName));
  saveEntity(tx, accountId, kind, entity);
}

/**
 * Deletes an entity on which nothing hangs any more.
 *
 * @throws DeleteConflict when policies are attached or embedded
 */
export function deleteEntity(tx: Transaction, accountId: AccountId, kind: EntityKind, entity: Entity): void {
  if (count(tx, attached.under(accountId, entity.id)) > 0) {
    throw deleteConflict("Cannot delete entity, must detach all policies first.");
  }
  if (count(tx, inline.under(accountId, entity.id)) > 0) {
    throw deleteConflict("Cannot delete entity, must delete policies first.");
  }
  setBoundary(tx, accountId, entity.id, (entity as Partial<User>).boundaryArn, undefined);
  tx.delete(KEYS[kind](accountId, entity.name));
  tx.delete(entityNameKey(accountId, entity.id));
}

/** Keeps the index of whom a policy bounds. */
export function setBoundary(
  tx: Transaction,
  accountId: AccountId,
  entityId: string,
  before: string | undefined,
  after: string | undefined,
): void {
  if (before !== undefined) tx.delete(bounded.key(accountId, before, entityId));
  if (after !== undefined) links.put(tx, bounded.key(accountId, after, entityId), {});
}

export function count(tx: Transaction, { start, end }: KeyRange, limit?: number): number {
  let found = 0;
  for (const _ of tx.range(start, end, limit === undefined ? {} : { limit })) found++;
  return found;
}

/** @throws LimitExceeded when `max` records are there already */
export function checkQuota(tx: Transaction, range: KeyRange, quota: string, max: number): void {
  if (count(tx, range, max) >= max) throw quotaExceeded(quota, max);
}

/** The last elements of a range's keys: the ids or ARNs that links lead to. */
export function linked(tx: Transaction, { start, end }: KeyRange): string[] {
  return [...tx.range(start, end)].map(([key]) => lastPart(key));
}

export const lastPart = (key: Key): string => decodeKey(key).at(-1) as string;
