/** A stack's deployments: templates ready to be evaluated. Evaluations are kept for a while because every step asks for one. */
import { assert } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Engine } from "./engine/types.ts";
import { type Deployment, deployments, type Home, keys, type Stack } from "./state.ts";
import { type Environment, type Evaluation, evaluate } from "./template/evaluate.ts";
import { readTemplate } from "./template/sections.ts";

/** Evaluations kept in memory. They are pure: a deployment is never changed. */
const KEPT_MAX = 32;

export function environmentOf(home: Home, stack: Pick<Stack, "stackId" | "stackName">): Environment {
  return {
    accountId: home.accountId,
    region: home.region,
    stackId: stack.stackId,
    stackName: stack.stackName,
    notificationArns: [],
  };
}

export function deploymentOf(tx: Transaction, home: Home, stack: Stack, id = stack.deployment): Deployment | undefined {
  return id === undefined ? undefined : deployments.get(tx, keys.deployment(home, stack.uuid, id));
}

/** The evaluation of one of a stack's deployments. */
export function evaluationOf(engine: Engine, tx: Transaction, home: Home, stack: Stack, id: string): Evaluation {
  const known = engine.evaluations.get(id);
  if (known) return known;
  const deployment = deployments.get(tx, keys.deployment(home, stack.uuid, id));
  assert(deployment, `deployment ${id} of ${stack.stackId} exists`);
  const evaluation = evaluate(
    readTemplate(JSON.parse(deployment.processed)),
    { ...deployment.parameters, ...deployment.stored },
    environmentOf(home, stack),
  );
  const kept = engine.evaluations;
  if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value!);
  kept.set(id, evaluation);
  return evaluation;
}
