/**
 * What EC2 keeps of networks. Every resource is one record of its kind, by its id; what belongs to a VPC says so.
 *
 *     ("ec2", account, region, kind, id)   → Resource
 *     ("ec2", account, region, "default")  → the id of the default VPC, once somebody has asked for it
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";

export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

/** Id prefixes by kind. */
export const PREFIXES = {
  vpc: "vpc",
  subnet: "subnet",
  "security-group": "sg",
  "internet-gateway": "igw",
  "route-table": "rtb",
  natgateway: "nat",
  "elastic-ip": "eipalloc",
  "vpc-endpoint": "vpce",
} as const;
export type Kind = keyof typeof PREFIXES;

export interface Resource<Shape = any> {
  readonly kind: Kind;
  readonly id: string;
  readonly createdMs: number;
  readonly tags: Readonly<Record<string, string>>;
  /** What it was created with: the same again is the same resource. */
  readonly clientToken?: string;
  /** As it is described, but for its tags. */
  readonly shape: Shape;
}

export const Resources = defineRecord<Resource>("ec2.Resource", 1);
export const resourceKey = ({ accountId, region }: Place, kind: Kind, id: string): Key =>
  key("ec2", accountId, region, kind, id);
export const defaultKey = ({ accountId, region }: Place): Key => key("ec2", accountId, region, "default");

export function allOf(tx: Transaction, { accountId, region }: Place, kind: Kind): Resource[] {
  const { start, end } = keysUnder("ec2", accountId, region, kind);
  return [...Resources.range(tx, start, end)].map(([, resource]) => resource);
}

/** `vpc-0a1b2c3d4e5f60718` */
export const newId = ({ random }: Pick<OperationContext, "random">, prefix: string): string =>
  `${prefix}-0${random.bytes(9).toString("hex").slice(0, 16)}`;

/** The kind that an id's prefix says. */
export function kindOf(id: string): Kind | undefined {
  return (Object.keys(PREFIXES) as Kind[]).find((kind) => id.startsWith(`${PREFIXES[kind]}-`));
}

export function create(
  tx: Transaction,
  context: OperationContext,
  kind: Kind,
  tags: Readonly<Record<string, string>>,
  shapeOf: (id: string) => object,
  clientToken?: string,
): Resource {
  const id = newId(context, PREFIXES[kind]);
  const resource: Resource = {
    kind,
    id,
    createdMs: context.nowMs,
    tags,
    ...(clientToken === undefined ? {} : { clientToken }),
    shape: shapeOf(id),
  };
  Resources.put(tx, resourceKey(context, kind, id), resource);
  return resource;
}

/** What was created with this token before. */
export const createdWith = (tx: Transaction, at: Place, kind: Kind, token: string | undefined): Resource | undefined =>
  token === undefined ? undefined : allOf(tx, at, kind).find(({ clientToken }) => clientToken === token);

export function change(tx: Transaction, at: Place, resource: Resource, changes: object): Resource {
  const changed = { ...resource, shape: { ...resource.shape, ...changes } };
  Resources.put(tx, resourceKey(at, resource.kind, resource.id), changed);
  return changed;
}

export const remove = (tx: Transaction, at: Place, { kind, id }: Resource): void =>
  tx.delete(resourceKey(at, kind, id));

/** As it is answered. */
export const described = ({ shape, tags }: Resource): any => ({
  ...shape,
  Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
});
