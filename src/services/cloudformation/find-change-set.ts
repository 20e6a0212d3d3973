/** Finds a change set by ARN, or by name and stack. */
import type { Transaction } from "../../storage/transaction.ts";
import { type ChangeSet, changeSets, findStack, type Home, keys, type Stack, stacks } from "./state.ts";

export interface FoundChangeSet {
  readonly stack: Stack;
  readonly changeSet: ChangeSet;
}

export function changeSetsOf(tx: Transaction, home: Home, stack: Stack): ChangeSet[] {
  const { start, end } = keys.changeSets(home, stack.uuid);
  return [...changeSets.range(tx, start, end)].map(([, changeSet]) => changeSet);
}

export function findChangeSet(
  tx: Transaction,
  home: Home,
  nameOrId: string,
  stackName: string | undefined,
): FoundChangeSet | undefined {
  const candidates = stackName === undefined ? everyStack(tx, home) : [findStack(tx, home, stackName)];
  for (const stack of candidates) {
    if (!stack) continue;
    const changeSet = changeSetsOf(tx, home, stack).find(
      (item) => item.changeSetId === nameOrId || item.name === nameOrId,
    );
    if (changeSet && (stackName !== undefined || changeSet.changeSetId === nameOrId)) return { stack, changeSet };
  }
  return undefined;
}

function everyStack(tx: Transaction, home: Home): Stack[] {
  const { start, end } = keys.stacks(home);
  return [...stacks.range(tx, start, end)].map(([, stack]) => stack);
}
